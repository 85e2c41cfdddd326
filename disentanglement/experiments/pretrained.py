"""Trained models, ready to use: those in results/, and folders that `reproduce` has published.

from disentanglement import pretrained

model = pretrained.load("InfoGAN-CR_dSprites/hour/run-0")
codes = model.encode(images)
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from disentanglement import checksums, console, records
from disentanglement.config import nearest, parse
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics
from disentanglement.evaluation.captured import captured_factors
from disentanglement.evaluation.score_records import data_label
from disentanglement.experiments import load as experiments
from disentanglement.experiments.experiment import Experiment
from disentanglement.training import checkpoint, visualize, weights

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.latent import JointLatent
    from disentanglement.algorithms.model import Model

RESULTS = experiments.ROOT / "results"
_SNAPSHOT = "global_id-"  # starts the names of models that were kept during training
_VALUES = 11  # columns of a traversal


@dataclass(frozen=True)
class Published:
    """Where a published model is.

    Attributes:
        folder: The run's folder, with run.json and weights/.
        snapshot: Its folder in weights/, e.g. "global_id-14399"; "" for the final model.
    """

    folder: Path
    snapshot: str = ""

    @property
    def weights(self) -> Path:
        """The folder with a file for each network."""
        return self.folder / "weights" / self.snapshot

    def meta(self) -> dict[str, Any]:
        """Return what its weight files say about the model: batches, config, experiment."""
        files = sorted(self.weights.glob("*.npz"))
        if not files:
            raise UserError(f"{self.weights}: no weights here")
        return checkpoint.load_meta(files[0])

    def experiment(self) -> str | None:
        """Return the name of its experiment, if its weight files or its path say it."""
        known = [path.name for path in experiments.folders()]
        names = (self.meta().get("experiment"), *reversed(self.folder.resolve().parts))
        return next((name for name in names if name in known), None)


@dataclass(frozen=True, repr=False)
class Pretrained:
    """A trained model with its records.

    Attributes:
        name: What it was loaded as.
        experiment: The experiment that trained it.
        model: The algorithm's model; its optimisers start afresh.
        batches: How many batches it was trained for.
        record: The content of run.json.
        score_record: The content of its final_metrics.json; {} if it was never scored.
    """

    name: str
    experiment: Experiment
    model: "Model"
    batches: int
    record: dict[str, Any]
    score_record: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Pretrained {self.title}>"

    @property
    def scores(self) -> dict[str, float]:
        """Every score by its full name."""
        return self.score_record.get("scores", {})

    @property
    def latent(self) -> "JointLatent":
        """The distribution of the latents: `sample` draws them, `traverse` varies one code."""
        return self.model.latent

    def generate(self, latents: np.ndarray) -> np.ndarray:
        """Return images [n, H, W, C] of latents [n, latent.dim]."""
        return self.model.generate(np.asarray(latents, np.float32))

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return codes [n, latent.num_codes] of images [n, H, W, C]."""
        return self.model.encode(np.asarray(images, np.float32))

    @property
    def labels(self) -> list[str]:
        """The name of each code, with the factor that it captures where that is clear."""
        codes = self.latent.names[: self.latent.num_codes]
        captured = captured_factors(self.score_record) or [None] * len(codes)
        return [
            f"{code}: {factor}" if factor else code
            for code, factor in zip(codes, captured, strict=True)
        ]

    @property
    def title(self) -> str:
        """One line: model, data set, batches, run and FactorVAE score."""
        trained_on = self.record.get("data", {}).get("dataset")  # of a run that was never scored
        data, score = data_label(self.score_record) or trained_on, self.scores.get("factor_vae")
        text = visualize.title_of(self.model, self.batches, data)
        return text if score is None else f"{text}, FactorVAE score {score:.2f}"

    def save_traversal(self, path: Path | str, values: int = _VALUES) -> None:
        """Draw a labelled traversal: a row per code, from its smallest to its largest value.

        Args:
            path: The picture; its suffix is the format. An existing file is replaced.
            values: The number of columns.
        """
        rows = visualize.traverse_codes(self.model, values)
        sweep = self.latent.code.sweep(values)
        metadata = {"Title": self.title} if Path(path).suffix == ".png" else None
        visualize.save_traversal(
            Path(path), rows, self.labels, sweep, self.title, metadata=metadata
        )


def names(results: Path | str = RESULTS) -> list[str]:
    """Return the names of the models in a folder of results, as `load` takes them."""
    return list(published(Path(results)))


def published(results: Path = RESULTS) -> dict[str, Published]:
    """Return the models in a folder of results by name; see `load`."""
    found = {}
    for path in sorted(results.rglob(records.FILE)):
        folder = path.parent
        name = folder.relative_to(results)
        hidden = any(part.startswith(".") or ".old-" in part for part in name.parts)
        if hidden or not _is_published(folder):
            continue
        found[_plain(name)] = Published(folder)
        for snapshot in sorted((folder / "weights").glob(f"{_SNAPSHOT}*")):
            found[f"{_plain(name)}/{snapshot.name}"] = Published(folder, snapshot.name)
    return found


def load(
    name: Path | str, experiment: Path | str | None = None, results: Path | str = RESULTS
) -> Pretrained:
    """Load a trained model.

    Args:
        name: One of `names()`, or the path of a run's folder that `reproduce` has published. The
            comma at the end of the folder may be left out. For InfoGAN-CR, "/global_id-<n>" after
            it names the model before the contrastive term.
        experiment: The experiment's folder or name, if neither the weight files nor the path say
            it.
        results: The folder of results that `name` is in; by default the one beside the experiments.

    Raises:
        UserError: There is no such model, or its files cannot be used.
    """
    found = _find(name, Path(results))
    for path in (found.folder / records.FILE, *sorted(found.weights.glob("*.npz"))):
        checksums.check(found.folder, path)
    meta, where = found.meta(), found.folder / records.FILE
    record = records.read(found.folder)
    ours = _experiment(found, experiment)
    if not isinstance(record.get("config"), dict):
        raise UserError(f"{where}: holds no config")
    config = parse(ours.schema, record["config"], str(where))
    model = ours.build(config)
    weights.restore(found.weights, model)
    scores = _scores(found, final_metrics.file_name(config, found.snapshot))
    return Pretrained(str(name), ours, model, meta["batches"], record, scores)


def main(arguments: list[str] | None = None) -> int:
    """Run `python -m disentanglement.pretrained` and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.pretrained",
        description="List the trained models in a folder of results, or draw a traversal of one.",
    )
    parser.add_argument("name", nargs="?", help="a model in the list, or a published run's folder")
    parser.add_argument(
        "--traversal", type=Path, metavar="OUT.png", help="draw a row per code there"
    )
    parser.add_argument("--experiment", help="the experiment's name, if the folder does not say it")
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help="the folder of results (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if options.traversal and not options.name:
        parser.error("--traversal needs the name of a model")
    return console.run_command(lambda: _main(options))


def _main(options: argparse.Namespace) -> int:
    out = options.traversal
    if not options.name:
        found = published(options.results)
        if not found:
            raise UserError(f"there are no published models in {options.results}")
        print("\n".join(_listing(found)))
        return 0
    if out:
        console.check_picture("--traversal", out)
    if out and out.exists():
        raise UserError(f"--traversal {out}: the file exists; choose another name")
    model = load(options.name, options.experiment, options.results)
    print(model.title)
    if out:
        model.save_traversal(out)
        print(f"traversal: {out}")
    return 0


def _listing(models: dict[str, Published]) -> list[str]:
    """Return a line of text for each model."""
    width = max(map(len, models), default=0)
    lines = [f"{'model':{width}}  {'batches':>8}  FactorVAE score"]
    for name, model in models.items():
        suffix = f"_{model.snapshot}" if model.snapshot else ""
        try:
            checksums.check(model.folder, model.folder / records.FILE)
            scores = _scores(model, f"final_metrics{suffix}.json").get("scores", {})
            score, batches = scores.get("factor_vae"), f"{model.meta()['batches']:,}"
            text = "" if score is None else f"{score:.3f}"
        except UserError as error:
            batches, text = "", f"damaged: {error}"
        lines.append(f"{name:{width}}  {batches:>8}  {text}".rstrip())
    return lines


def _scores(found: Published, file: str) -> dict[str, Any]:
    """Return a model's score record; {} if it was never scored."""
    if (path := found.folder / file).exists():
        checksums.check(found.folder, path)
    return records.read(found.folder, file)


def _find(name: Path | str, results: Path = RESULTS) -> Published:
    known = published(results)
    if found := known.get(_plain(Path(name))):
        return found
    if not str(name):
        raise UserError("which model? Give one of names(), or a folder")
    path, snapshot = Path(name), ""
    if path.name.startswith(_SNAPSHOT):
        path, snapshot = path.parent, path.name
    for folder in (path, path.with_name(f"{path.name},") if path.name else path):
        if _is_published(folder) and (folder / "weights" / snapshot).is_dir():
            return Published(folder, snapshot)
    if path.is_dir():
        raise UserError(
            f"{name}: not a published model, which has {records.FILE} and weights/ (python -m "
            "disentanglement.reproduce writes them)"
        )
    if not known:
        raise UserError(f"no model '{name}': there are no published models in {results}")
    raise UserError(
        f"no model '{name}' in {results} (there are {', '.join(known)})"
        f"{nearest(_plain(Path(name)), known)}"
    )


def _experiment(found: Published, experiment: Path | str | None) -> Experiment:
    if name := experiment or found.experiment():
        return experiments.load(name)
    known = ", ".join(path.name for path in experiments.folders())
    raise UserError(f"{found.folder}: which experiment is it of? Give experiment=, one of {known}")


def _is_published(folder: Path) -> bool:
    return (folder / records.FILE).is_file() and (folder / "weights").is_dir()


def _plain(path: Path) -> str:
    """Return the name of a folder without the comma that ends each run folder's name."""
    return "/".join(part.removesuffix(",") for part in path.parts)
