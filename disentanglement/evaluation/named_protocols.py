"""The protocols by name: which metrics there are, on which images, and under which headings.

`paper` is that of InfoGAN-CR's code and the default. Scores of different protocols are never
compared, whatever the metrics are called.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from disentanglement.config import nearest
from disentanglement.data.dataset import ImageSource, MetricImages, name_of
from disentanglement.errors import UserError
from disentanglement.evaluation import draws
from disentanglement.evaluation.draws import FactorTable
from disentanglement.evaluation.encoding import codes_of
from disentanglement.evaluation.paper import COLUMNS
from disentanglement.evaluation.protocols import PAPER
from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.metric import MetricFunction
from disentanglement.metrics.suite import DLIB, INFOMEC, METRICS


@dataclass(frozen=True)
class NamedProtocol:
    """A protocol.

    Attributes:
        name: As users type it.
        title: What tables call it.
        metrics: All its metrics by name.
        default: Those that run unless others are chosen.
        columns: The scores in tables, by heading.
        draw: Chooses the images; None for the paper's, see `evaluate.draw_images`.
    """

    name: str
    title: str
    metrics: Mapping[str, MetricFunction]
    default: tuple[str, ...]
    columns: Mapping[str, str]
    draw: Callable[[FactorTable, np.random.Generator], MetricImages] | None = None

    def chosen(self, names: Iterable[str] | None = None) -> dict[str, MetricFunction]:
        """Return metrics by name, with or without the protocol's; the default if None.

        Raises:
            UserError: A name is unknown.
        """
        found = {}
        for name in self.default if names is None else names:
            full = self.full_name(name)
            if full not in self.metrics:
                hint = nearest(name, [key.removeprefix(f"{self.name}.") for key in self.metrics])
                of = "" if self.name == PAPER else f" of --protocol {self.name}"
                raise UserError(f"unknown metric '{name}'{of}{hint}")
            found[full] = self.metrics[full]
        return found

    def full_name(self, name: str) -> str:
        """Return the name of a metric with the protocol's, which the paper's do not have."""
        if self.name == PAPER or name in self.metrics or name.startswith(f"{self.name}."):
            return name
        return f"{self.name}.{name}"

    def describe(self, images: MetricImages, table: FactorTable) -> dict[str, Any]:
        """Return what a record says of the images that `draw` chose from a table."""
        known: dict[str, Any] = dict(images)
        found: dict[str, Any] = {"name": self.name, "drawn_from": len(table.ids)}
        found |= {
            part: len(known[part])
            for part in ("reference", "sample", "train", "test")
            if part in known
        }
        if "train_group" in known:
            found |= {
                "groups": len(known["train_group"]),
                "test_groups": len(known["test_group"]),
                "group_size": known["train_group"].shape[1],
            }
        return found | ({"factors": list(table.names)} if table.names else {})


_DLIB_COLUMNS = {
    "FactorVAE": "dlib.factor_vae",
    "BetaVAE": "dlib.beta_vae",
    "D": "dlib.dci.disentanglement",
    "C": "dlib.dci.completeness",
    "I": "dlib.dci.informativeness",
    "SAP": "dlib.sap",
    "MIG": "dlib.mig",
    "Modularity": "dlib.modularity",
    "Explicitness": "dlib.explicitness",
    "IRS": "dlib.irs",
}
_INFOMEC_COLUMNS = {
    f"{score}{suffix}": f"{metric}.{score.lower()}"
    for metric, suffix in (
        ("infomec", ""),
        ("infomec_discrete", " (discrete)"),
        ("infomec_range_8", " (range / 8)"),
        ("infomec_iqr_10", " (IQR / 10)"),
    )
    for score in ("InfoM", "InfoE", "InfoC")
}

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        NamedProtocol(PAPER, "the paper's protocol", METRICS, tuple(METRICS), COLUMNS),
        NamedProtocol(
            "dlib",
            "disentanglement_lib's protocol",
            DLIB,
            tuple(DLIB),
            _DLIB_COLUMNS,
            draws.draw_dlib,
        ),
        NamedProtocol(
            "infomec",
            "InfoMEC's protocol",
            INFOMEC,
            ("infomec",),
            _INFOMEC_COLUMNS,
            draws.draw_infomec,
        ),
    )
}


def named(name: str) -> NamedProtocol:
    """Return the protocol of this name. Raises UserError if there is none."""
    if name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise UserError(f"unknown protocol '{name}'{nearest(name, PROTOCOLS)}: choose from {known}")
    return PROTOCOLS[name]


def draw_and_describe(
    protocol: NamedProtocol, dataset: ImageSource, rng: np.random.Generator
) -> tuple[MetricImages, dict[str, Any]]:
    """Choose a data set's images by a protocol other than the paper's, and describe them.

    Raises:
        UserError: The data set has no table of factors, or too few images.
    """
    assert protocol.draw is not None, "evaluate.draw_images draws the paper's"
    table = FactorTable.of(dataset)
    images = table.numbered(protocol.draw(table, rng))
    about = {"dataset": name_of(dataset), "images": len(dataset)}
    return images, protocol.describe(images, table) | about


def arrays_from_file(
    protocol: NamedProtocol, given: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a protocol, drawn from the codes and factors of a file.

    Args:
        protocol: Any but the paper's.
        given: The arrays of the file: `codes` and `factor_ids`; others are left as they are.
        rng: Makes the draws.

    Raises:
        UserError: These arrays are missing, do not fit together, or are too short.
    """
    if missing := [name for name in ("codes", "factor_ids") if name not in given]:
        raise UserError(
            f"--protocol {protocol.name} draws from codes [N, K] and factor_ids [N, F], but the "
            f"file has no {' and no '.join(missing)}"
        )
    try:
        _, ids = check(codes=given["codes"], factor_ids=given["factor_ids"])
    except ArrayError as error:
        raise UserError(str(error)) from error
    assert protocol.draw is not None
    table = FactorTable(ids, where="the file")
    images = protocol.draw(table, rng)
    return codes_of(given["codes"], images), protocol.describe(images, table)
