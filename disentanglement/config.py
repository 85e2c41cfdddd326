"""The keys of a config: their meaning, types and limits for every kind of run.

Names and meanings are those of the paper's code. Keys that this project added have a default, so a
config written for the paper's code is complete. Each error is one line that names the file
and the key.
"""

import dataclasses
import difflib
import math
import types
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from disentanglement.errors import UserError
from disentanglement.wording import counted

Schema = TypeVar("Schema")


def key(
    doc: str,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    may_change: bool = False,
    added: bool = False,
    choices: tuple[str, ...] | None = None,
    **default: Any,
) -> Any:
    """Define a config key.

    Args:
        doc: What the key means; shown when it is missing.
        low: The smallest value.
        high: The largest value.
        above: The value must be greater than this.
        may_change: Whether a run that is resumed may have another value.
        added: Whether earlier runs lack the key; they were trained with its default.
        choices: The permitted values.
        **default: `default=value`; without it, every config must set the key.
    """
    limits = {"low": low, "high": high, "above": above, "choices": choices}
    rules = {"may_change": may_change, "added": added, "doc": doc}
    return field(metadata=limits | rules, **default)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The keys that all algorithms share."""

    run: int = key("number of the run, which is also its random seed", low=0)
    epoch: int = key("number of epochs to train", low=1, may_change=True)
    batch_size: int = key("images per batch", low=1)
    vis_freq: int = key(
        "batches between sample grids; 0: none, not even at the end", low=0, may_change=True
    )
    vis_num_sample: int = key("columns of a sample grid", low=2)
    vis_num_rep: int = key("rows of a sample grid", low=1)
    metric_freq: int = key(
        "batches between evaluations; 0: none, not even at the end", low=0, may_change=True
    )
    summary_freq: int = key(
        "batches between TensorBoard scalars", low=1, may_change=True, default=1
    )
    output_reverse: bool = key("invert saved pictures (1 - image)", may_change=True)
    vis_shade: bool = key(
        "also overlay the images of each traversal, darkest first", may_change=True, default=False
    )
    vis_center: bool = key(
        "also mark the centres of random samples in one picture", may_change=True, default=False
    )
    epoch_freq: int = key(
        "epochs between those that end with scores, sample grids and a checkpoint; the last does",
        low=1,
        may_change=True,
        default=1,
    )
    checkpoint_freq: int = key(
        "batches between checkpoints (every epoch also ends with one)",
        low=1,
        may_change=True,
        default=1000,
    )
    max_batches: int | None = key(
        "stop after this many batches, even within an epoch; None: train all epochs",
        low=1,
        may_change=True,
        default=None,
    )
    batches_per_call: int | None = key(
        "batches per compiled call; None: 1 on a CPU, 40 on an accelerator",
        low=1,
        may_change=True,
        default=None,
    )
    tf32: bool = key(
        "let GPUs round the inputs of convolutions and matrix products to TF32 (10 bits) while "
        "training; False: full float32. CPUs ignore it",
        added=True,
        default=False,
    )
    metric_untrained: bool = key(
        "score the untrained model too (global_id -1)", may_change=True, default=False
    )
    data_dir: str | None = key(
        "folder of the data set; None: data/ in the experiment's folder, then data/ beside it",
        may_change=True,
        default=None,
    )

    data: str | None = key(
        "data set to train on: a name, or a folder (docs/YOUR_DATA.md); None: the experiment's own",
        added=True,
        default=None,
    )
    channels: int | None = key(
        "channels of the images of `data`, which fill it in; None: of the experiment's own data",
        low=1,
        added=True,
        default=None,
    )

    @property
    def score_suffix(self) -> str:
        """A suffix of score file names, for models with more than one kind of code to score."""
        return ""


@dataclass(frozen=True, kw_only=True)
class InfoGANCRKeys(TrainingConfig):
    """InfoGAN-CR: the keys that all its experiments share."""

    info_coe_de: float = key("weight of log q(c | G(z)) in the generator's loss", low=0)
    info_coe_infod: float = key("weight of log q(c | G(z)) in the discriminator's loss", low=0)
    de_lr: float = key("learning rate of the generator", above=0)
    infod_lr: float = key("learning rate of the discriminator and Q", above=0)
    crd_lr: float = key("learning rate of the contrastive discriminator", above=0)
    cr_coe_start: float = key("initial weight of the contrastive loss", low=0)
    cr_coe_increase: float = key("increase of the contrastive loss's weight each time", low=0)
    cr_coe_increase_times: int = key("number of increases of the contrastive loss's weight", low=0)
    cr_coe_increase_batch: int = key("batches between increases of that weight", low=1)
    gap_start: float = key(
        "initial minimum distance between the codes that a pair does not share", low=0, high=2
    )
    gap_decrease: float = key("decrease of the gap each time", low=0, high=2)
    gap_decrease_times: int = key("number of decreases of the gap", low=0)
    gap_decrease_batch: int = key("batches between decreases of the gap", low=1)
    uniform_reg_dim: int = key("number of codes", low=2)
    uniform_not_reg_dim: int = key("number of noise dimensions", low=0)
    skip_idle_crd: bool = key(
        "skip the contrastive discriminator while it cannot affect the result", default=True
    )


@dataclass(frozen=True, kw_only=True)
class InfoGANCRConfig(InfoGANCRKeys):
    """InfoGAN-CR on dSprites."""

    q_l_dim: int = key("width of Q's hidden layer", low=1)


@dataclass(frozen=True, kw_only=True)
class VAEKeys(TrainingConfig):
    """FactorVAE and the other VAEs (vae_config.py): the keys that they share."""

    gaussian_dim: int = key("number of latents", low=2)
    vae_lr: float = key("learning rate of the encoder and the decoder", above=0, default=1e-4)
    codes: str = key(
        "the codes that metrics score: 'sampled' (as in the paper) or 'mean'",
        may_change=True,
        choices=("sampled", "mean"),
        default="sampled",
    )

    @property
    def score_suffix(self) -> str:
        return "" if self.codes == "sampled" else f"_{self.codes}"


@dataclass(frozen=True, kw_only=True)
class FactorVAEConfig(VAEKeys):
    """FactorVAE: the paper's keys, and the learning rates, which are constants in its code."""

    tc_coe: float = key("weight of the total correlation", low=0)
    tcd_lr: float = key("learning rate of the discriminator", above=0, default=1e-4)


@dataclass(frozen=True, kw_only=True)
class GeneratedData:
    """For data sets that take minutes to generate, and are generated only on request."""

    generate: int | None = key(
        "number of images to generate if there are no data; None: stop and say how to make them",
        low=1,
        may_change=True,
        default=None,
    )


@dataclass(frozen=True, kw_only=True)
class TeapotInfoGANCRConfig(InfoGANCRConfig, GeneratedData):
    """InfoGAN-CR on 3D teapots."""


@dataclass(frozen=True, kw_only=True)
class TeapotFactorVAEConfig(FactorVAEConfig, GeneratedData):
    """FactorVAE on 3D teapots."""


@dataclass(frozen=True, kw_only=True)
class CelebAConfig(InfoGANCRKeys, GeneratedData):
    """InfoGAN-CR on CelebA; `generate` makes stand-in faces."""


# Not pydantic: a message names the nearest key and the file in one line, and keys carry
# `may_change`. With pydantic, every error would have to be translated.
def parse(schema: type[Schema], values: dict[str, Any], where: str) -> Schema:
    """Check `values` and return them as an instance of `schema`.

    Args:
        schema: A dataclass of config keys.
        values: Value by key; an integer passes as a float.
        where: Where the values come from, for messages, e.g. "config.py: global_config".

    Raises:
        UserError: A key is unknown or missing, a value has the wrong type or is out of range, or
            two do not fit each other.
    """
    fields = _fields(schema)
    for key in values:
        if key not in fields:
            raise UserError(f"{where}: unknown key '{key}'{nearest(key, fields)}")
    for f in fields.values():
        if f.name not in values and f.default is f.default_factory is dataclasses.MISSING:
            raise UserError(f"{where}: missing key '{f.name}' ({f.metadata['doc']})")
    checked = {key: _check(fields[key], value, where) for key, value in values.items()}
    try:
        return schema(**checked)
    except ValueError as error:  # keys that do not fit each other
        raise UserError(f"{where}: {error}") from error


def from_text(schema: type, key: str, text: str) -> Any:
    """Return the value that `--set key=text` means, given the key's type.

    Raises:
        UserError: The text is not a value of this type.
    """
    fields = _fields(schema)
    kinds = _kinds(fields[key])
    if text.lower() in ("none", "null") and type(None) in kinds:
        return None
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if list in kinds:
        return [part for part in text.split(",") if part]
    for kind in (int, float):
        if kind in kinds or (kind is int and float in kinds):
            try:
                return kind(text)
            except ValueError:
                pass
    if str in kinds:
        return text
    raise UserError(f"--set {key}={text}: expected {_type_name(fields[key])}")


def batch_error(config: TrainingConfig, num_images: int) -> str | None:
    """Return what is wrong with the batch size, and what to do; None if it fits the images."""
    if config.batch_size <= num_images:
        return None
    fits = min(64, 1 << (num_images.bit_length() - 1))  # a power of two
    more = "use more images"
    if getattr(config, "generate", None) is not None:
        more = "have more images drawn, in another data_dir, with a larger --set generate=N"
    return (
        f"batch_size {config.batch_size} is more than the {counted(num_images, 'image')}: lower "
        f"it, e.g. --set batch_size={fits}, or {more}"
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean '...'?" with the known word most like `word`, in any case, or ''."""
    words = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean '{words[close[0]]}'?" if close else ""


def changed_keys(old: dict[str, Any], new: TrainingConfig) -> list[str]:
    """Return the keys that differ from a run's earlier config `old` and must not change."""
    old = _added(new) | old
    return [f.name for f in _fixed(new) if old.get(f.name, "(absent)") != getattr(new, f.name)]


def first_change(old: dict[str, Any], new: TrainingConfig) -> str | None:
    """Return a line on the first of `changed_keys`, with both values; None if there is none."""
    for name in changed_keys(old, new):
        before = (_added(new) | old).get(name)
        return f"{name} was {before!r}, is now {getattr(new, name)!r}"
    return None


def model_keys(config: TrainingConfig) -> dict[str, Any]:
    """Return the keys that define the model, and must not change on resume, with their values.

    Added keys are left out while they have their defaults, as they are in earlier records.
    """
    values = {f.name: getattr(config, f.name) for f in _fixed(config)}
    defaults = _added(config).items()
    return {key: value for key, value in values.items() if (key, value) not in defaults}


def _fixed(config: TrainingConfig) -> list[dataclasses.Field]:
    return [f for f in dataclasses.fields(config) if not f.metadata["may_change"]]


def _added(config: TrainingConfig) -> dict[str, Any]:
    """Return the keys that earlier configs lack, with the values that they stand for."""
    return {f.name: f.default for f in dataclasses.fields(config) if f.metadata["added"]}


def _fields(schema: Any) -> dict[str, dataclasses.Field]:
    return {f.name: f for f in dataclasses.fields(schema)}


def _check(f: dataclasses.Field, value: Any, where: str) -> Any:
    """Return the value of key `f`, an integer as a float where a float is wanted."""
    kinds = _kinds(f)
    fits = type(value) in kinds or (type(value) is int and float in kinds)
    if list in kinds and isinstance(value, list):
        fits = all(isinstance(item, str) for item in value)
    if not fits:
        raise UserError(f"{where}: '{f.name}' must be {_type_name(f)}, not {value!r}")
    limits = f.metadata
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high, above = limits["low"], limits["high"], limits["above"]
        for fails, requirement in (
            (low is not None and value < low, f"at least {low}"),
            (high is not None and value > high, f"at most {high}"),
            (above is not None and value <= above, f"greater than {above}"),
            (isinstance(value, float) and not math.isfinite(value), "a finite number"),
        ):
            if fails:
                raise UserError(f"{where}: '{f.name}' must be {requirement}, not {value!r}")
    if limits["choices"] and value not in limits["choices"]:
        names, close = " or ".join(map(repr, limits["choices"])), nearest(value, limits["choices"])
        raise UserError(f"{where}: '{f.name}' must be {names}, not {value!r}{close}")
    return float(value) if float in kinds and value is not None else value


def _kinds(f: dataclasses.Field) -> list[Any]:
    """Return the types that a key accepts; list for list[str]."""
    union = f.type.__args__ if isinstance(f.type, types.UnionType) else (f.type,)
    return [getattr(kind, "__origin__", kind) for kind in union]


def _type_name(f: dataclasses.Field) -> str:
    names: dict[Any, str] = {
        int: "an integer",
        float: "a number",
        bool: "True or False",
        str: "a string",
        list: "a list of strings",
        type(None): "None",
    }
    return " or ".join(names[kind] for kind in _kinds(f))
