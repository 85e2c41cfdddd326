"""python -m disentanglement.explore MODEL...: a page in which sliders move the codes of models.

The page is one file that needs no server and no network: the models' networks are in it, and run
in the browser. Its parts are in explorer_page/.
"""

import argparse
import base64
import hashlib
import html
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import disentanglement
from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.evaluation.captured import best_factors, captured_factors
from disentanglement.experiments import pretrained
from disentanglement.experiments.explored import Explored, find
from disentanglement.files import write_text
from disentanglement.streams import stream

if TYPE_CHECKING:  # these import Keras, and mistakes should be reported quickly
    import keras

    from disentanglement.algorithms.latent import GaussianLatent, UniformLatent

PAGE = Path(__file__).with_name("explorer_page")
SCRIPTS = ("network.js", "picture.js", "encoder.js", "panel.js", "main.js")
COMPARED = 64  # latents on which the page's networks are compared with Keras
ENCODER_LIMIT = 4_000_000  # bytes; larger encoders are left out unless asked for
_BYTES = {"float32": 4, "float16": 2, "int8": 1}
_REACH = 3  # standard deviations that the slider of a normally distributed latent covers


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.explore",
        description="Write a page in which sliders move the codes of trained models and the "
        "pictures follow. It is one file that needs neither a server nor a network.",
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="RUN_OR_RECORD",
        help="a run's folder, trained or under way, or a published model: its folder, or a name "
        "that `python -m disentanglement.pretrained` lists; several are shown side by side",
    )
    parser.add_argument("--out", type=Path, default=Path("explorer.html"), metavar="OUT.html")
    parser.add_argument("--force", action="store_true", help="replace the page if it exists")
    parser.add_argument(
        "--precision",
        choices=tuple(reversed(_BYTES)),
        default="float16",
        help="how weights are stored: int8 halves the page (default: %(default)s)",
    )
    parser.add_argument(
        "--encoder",
        choices=("auto", "always", "never"),
        default="auto",
        help=f"add the encoders; auto: those up to {ENCODER_LIMIT / 1e6:g} MB (default)",
    )
    parser.add_argument(
        "--experiment",
        action="append",
        default=[],
        metavar="NAME",
        help="the experiment of models whose folders do not say it; may be repeated",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=pretrained.RESULTS,
        metavar="DIR",
        help="the folder of published models (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options), stopped="stopped; no page was written")


def _main(options: argparse.Namespace) -> int:
    out = options.out
    console.check_page("--out", out)
    console.check_new(out, options.force)
    models = []
    for name in options.models:
        explored = find(name, options.experiment, options.results)
        models.append(described(explored, options.precision, options.encoder))
        print(_summary(models[-1]))
    write_text(out, page(models))
    print(f"explorer: {out} ({out.stat().st_size / 1e6:.1f} MB)")
    return 0


def described(
    explored: Explored, precision: str = "float16", encoder: str = "auto"
) -> dict[str, Any]:
    """Return what the page knows of a model, as JSON can hold it.

    Args:
        explored: The model.
        precision: How the kernels are stored, one of `portable.PRECISIONS`.
        encoder: Whether to add the encoder: "always", "never", or "auto", if it is small.
    """
    from disentanglement.networks import portable

    trained, notes = explored.trained, [explored.unfinished] if explored.unfinished else []
    networks: dict[str, Any] = {}
    differences: dict[str, float] = {}
    rng = stream(trained.model.config.run, "explorer")
    inputs = trained.latent.sample(rng, COMPARED)
    try:
        _check_shapes(explored.generator, (trained.latent.dim,), None)
        low, high = _pixel_range(explored.generator)
        networks["generator"] = portable.portable(explored.generator, precision)
        distances, pictures = _distances(explored.generator, precision, inputs)
        distances /= high - low
        differences |= {"pixel": float(distances.max()), "mean_pixel": float(distances.mean())}
    except UserError as error:
        raise UserError(f"{trained.name}: the browser cannot run its generator: {error}") from error
    if explored.encoder is not None and encoder != "never":
        size = portable.num_weights(explored.encoder) * _BYTES[precision]
        try:
            if encoder == "auto" and size > ENCODER_LIMIT:
                raise UserError(f"it takes {size / 1e6:.1f} MB (--encoder always adds it)")
            _check_shapes(explored.encoder, pictures.shape[1:], (trained.latent.num_codes,))
            networks["encoder"] = portable.portable(explored.encoder, precision)
            distances, _ = _distances(explored.encoder, precision, pictures)
            differences["code"] = float(distances.max())
        except UserError as error:
            notes.append(f"The encoder is left out: {error}.")
    return {
        "name": trained.name,
        "title": trained.title,
        "notes": notes,
        "latents": _latents(explored),
        "codes": trained.latent.num_codes,
        "means": explored.means,
        "range": [low, high],
        "invert": bool(trained.model.config.output_reverse),
        "precision": precision,
        "differences": differences,
        **networks,
    }


def page(models: list[dict[str, Any]]) -> str:
    """Return the page, given what `described` returns of each model."""
    script = "\n".join((PAGE / name).read_text() for name in SCRIPTS)
    style = (PAGE / "style.css").read_text()
    titles = ", ".join(model["title"] for model in models)
    parts = {
        "title": _ascii(html.escape(f"Latent explorer: {titles}")),
        "policy": f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "models": _json(models),
        "version": html.escape(disentanglement.__version__),
    }
    # In one pass: what is filled in is not searched again.
    template = (PAGE / "index.html").read_text()
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _latents(explored: Explored) -> list[dict[str, Any]]:
    """Return the name, distribution and meaning of each latent, in the generator's order."""
    trained, latent = explored.trained, explored.trained.latent
    best, captured = best_factors(trained.score_record), captured_factors(trained.score_record)
    found: list[dict[str, Any]] = []
    for index in range(latent.dim):
        if index >= latent.num_codes:
            name = f"noise {index - latent.num_codes + 1}"
            found.append({"name": name, **_distribution(latent.noise)})
            continue
        entry = {"name": latent.names[index], **_distribution(latent.code)}
        if len(best) == latent.num_codes and math.isfinite(best[index][1]):
            factor, share = best[index]
            clear = captured[index] is not None
            entry["meaning"] = {"factor": str(factor), "share": share, "clear": clear}
        found.append(entry)
    return found


def _distribution(block: "UniformLatent | GaussianLatent") -> dict[str, Any]:
    """Return how a latent is drawn, what its slider covers, and its traversal's first and last."""
    from disentanglement.algorithms.latent import UniformLatent

    first, last = (float(value) for value in block.sweep(2))
    if isinstance(block, UniformLatent):
        return {"kind": "uniform", "low": first, "high": last, "sweep": [first, last]}
    low, high = block.mean - _REACH * block.std, block.mean + _REACH * block.std
    drawn = {"kind": "normal", "mean": block.mean, "std": block.std}
    return {**drawn, "low": low, "high": high, "sweep": [first, last]}


def _check_shapes(
    network: "keras.Model", inputs: tuple[int, ...], outputs: tuple[int, ...] | None
) -> None:
    """Raise UserError unless the network has these shapes; its outputs None: pictures."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise UserError("it has several inputs or outputs")
    if network.input.shape[1:] != inputs:
        raise UserError(f"it takes {network.input.shape[1:]}, not {inputs}")
    found = network.output.shape[1:]
    if outputs is None and (len(found) != 3 or found[-1] not in (1, 3)):
        raise UserError(f"it makes {found}, not grey or colour pictures")
    if outputs is not None and found != outputs:
        raise UserError(f"it makes {found}, not {outputs}")


def _pixel_range(generator: "keras.Model") -> tuple[float, float]:
    """Return the values of black and of white, which the last activation tells."""
    activation = getattr(generator.layers[-1], "activation", None)
    return (-1.0, 1.0) if getattr(activation, "__name__", "") == "tanh" else (0.0, 1.0)


def _distances(
    network: "keras.Model", precision: str, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far rounding the kernels moves each output, and the outputs without rounding."""
    from disentanglement.networks import portable

    exact = np.asarray(network(inputs, training=False))
    ours = np.asarray(portable.rounded(network, precision)(inputs, training=False))
    return np.abs(exact - ours), exact


def _summary(model: dict[str, Any]) -> str:
    """Return a line of text: how large the model's networks are, and how exact."""
    sizes = [
        f"{name} {len(json.dumps(model[name])) / 1e6:.1f} MB"
        for name in ("generator", "encoder")
        if name in model
    ]
    differences = model["differences"]
    moved = (
        f"largest pixel difference {differences['pixel']:.1g} of the range, "
        f"mean {differences['mean_pixel']:.1g}"
    )
    if "code" in differences:
        moved += f", largest code difference {differences['code']:.1g}"
    lines = [f"{model['name']}: {', '.join(sizes)} as {model['precision']}; {moved}"]
    return "\n".join([*lines, *(f"note: {note}" for note in model["notes"])])


def _json(value: Any) -> str:
    """Return JSON that can stand inside a script element: without the characters of HTML."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII only
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _ascii(text: str) -> str:
    """Return HTML text whose meaning does not depend on the file's encoding."""
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _hash(text: str) -> str:
    """Return the checksum by which a Content-Security-Policy allows an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
