"""Which images scores were computed on: what decides whether two scores can be compared."""

from dataclasses import dataclass
from typing import Any

from disentanglement.evaluation.score_records import Record, data_label

PAPER = "paper"  # the default
NAMES = (PAPER, "dlib", "infomec")  # see `named_protocols`, which takes seconds to import

# What a protocol's parts are about, and the numbers among its attributes.
PARTS = ("images", "groups", "reference", "sample", "factors")
NUMBERS = ("images", "groups", "group_size", "reference", "sample")
_MORE = ("drawn_from", "test_groups", "train", "test")  # of other protocols than the paper's


@dataclass(frozen=True)
class ImageProtocol:
    """The images behind a record's scores; scores of equal protocols can be compared.

    What the record does not tell is None.

    Attributes:
        name: The protocol's name, see `named_protocols`.
        data: The data set's usual name, see `data_label`.
        images: The number of its images.
        groups: The number of groups of images that share a factor.
        group_size: The number of images in a group.
        reference: The number of reference images, drawn at random.
        sample: The number of images with known factors.
        factors: The names of the factors that vary, or only their number.
        drawn_from: The number of images that the others are drawn from.
        test_groups: The number of further groups that are scored; points of pairs are as many.
        train: The number of images with known factors that learners are fitted to.
        test: The number of further ones that are scored.
    """

    name: str = PAPER
    data: str | None = None
    images: int | None = None
    groups: int | None = None
    group_size: int | None = None
    reference: int | None = None
    sample: int | None = None
    factors: tuple[str, ...] | int | None = None
    drawn_from: int | None = None
    test_groups: int | None = None
    train: int | None = None
    test: int | None = None

    @classmethod
    def of(cls, record: Record) -> "ImageProtocol":
        """Return the protocol of a record of scores.

        Of a file of codes without a description, the shapes of the arrays tell a part.
        """
        given = record.get("protocol")
        if not isinstance(given, dict):
            return cls()
        name = given.get("name", PAPER)
        known: dict[str, Any] = {"name": str(name)}
        known |= _from_shapes(given.get("arrays")) if name == PAPER else {}
        numbers = (*NUMBERS, *_MORE) if name != PAPER else NUMBERS
        known |= {key: given[key] for key in numbers if _is_number(given.get(key))}
        names, dataset = given.get("factors"), given.get("dataset")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            known["factors"] = tuple(names)
        if isinstance(dataset, str):
            known["data"] = data_label({"protocol": _as_recorded(known) | {"dataset": dataset}})
        return cls(**known)

    def part(self, about: str) -> str | None:
        """Return one of `PARTS` in words, e.g. "500 groups of 100"; None if unknown."""
        if about == "groups":
            if self.groups is None or self.group_size is None:
                return None
            return f"{self.groups:,} groups of {self.group_size:,}"
        if about == "factors":
            if isinstance(self.factors, tuple):
                return f"factors {', '.join(self.factors)}"
            return None if self.factors is None else f"{self.factors} factors"
        number = getattr(self, about)
        word = "" if about == "images" else f"{about} "
        return None if number is None else f"{number:,} {word}images"

    def text(self) -> str:
        """Return all that is known in words, but for what the data set's name says."""
        # The name of a set that has others of its kind ends in its factors and number of images.
        named = ("images", "factors") if (self.data or "").endswith(" images)") else ()
        parts = [self.part(about) for about in PARTS if about not in named]
        if self.train is not None and self.test is not None:
            parts.append(f"{self.train:,} training and {self.test:,} test images")
        if self.groups is not None and self.test_groups is not None:
            parts.append(f"{self.test_groups:,} test groups, as many points of pairs")
        if self.drawn_from is not None and self.drawn_from != self.images:
            parts.append(f"drawn from {self.drawn_from:,} images")
        return ", ".join(filter(None, parts)) or "protocol unknown"


def _from_shapes(shapes: object) -> dict[str, Any]:
    """Return what the shapes of a file's arrays tell, see `disentanglement-score`."""
    if not isinstance(shapes, dict):
        return {}
    found: dict[str, Any] = {}
    for array, names in (
        ("group_codes", ("groups", "group_size", None)),
        ("reference_codes", ("reference", None)),
        ("codes", ("sample", None)),
        ("factors", ("sample", "factors")),
        ("factor_ids", ("sample", "factors")),
    ):
        shape = shapes.get(array)
        if isinstance(shape, list) and len(shape) == len(names) and all(map(_is_number, shape)):
            found |= {name: n for name, n in zip(names, shape, strict=True) if name}
    return found


def _as_recorded(known: dict[str, Any]) -> dict[str, Any]:
    """Return known values as `data_label` takes them: factors by name, or none."""
    if isinstance(known.get("factors"), tuple):
        return known | {"factors": list(known["factors"])}
    return {key: value for key, value in known.items() if key != "factors"}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
