"""What a config may say: the keys of every kind of run, their types and limits.

The keys and their meaning are those of the paper's code; keys that this project added have a
default, so a config written for the paper's code is complete. Checks answer with one line that
names file and key.
"""

import dataclasses
import difflib
import types
from dataclasses import dataclass, field
from typing import Any

from disentanglement.errors import UserError


def key(doc: str, low=None, high=None, above=None, may_change=False, choices=None, **default):
    """A config key: low <= value <= high, value > above; may_change: also between resumes."""
    limits = {"low": low, "high": high, "above": above, "choices": choices}
    return field(metadata=limits | {"may_change": may_change, "doc": doc}, **default)


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    """How main.py dispatches runs. Relative paths start at the experiment's folder."""

    gpu: list[str] = key("ids of the GPUs to use, e.g. ['0', '1']; ignored without GPUs")
    temp_folder: str = key("kept for configs of the paper's code; nothing is written there")
    scheduler_log_file_path: str = key("where the GPU scheduler reports")
    log_file: str = key("each run's log, in the run's folder")
    force_rerun: bool = key(
        "do finished runs again (earlier results are renamed and kept)", default=False
    )
    result_root_folder: str = key("where the run folders are created", default="results/")
    max_tasks_per_gpu: int = key("runs that share one GPU", low=1, default=1)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The keys that every algorithm has."""

    run: int = key("number of the run, and its seed", low=0)
    epoch: int = key("epochs to train", low=1, may_change=True)
    batch_size: int = key("images a batch", low=1)
    vis_freq: int = key("batches between sample grids", low=1, may_change=True)
    vis_num_sample: int = key("columns of a sample grid", low=2)
    vis_num_rep: int = key("rows of a sample grid", low=1)
    metric_freq: int = key("batches between metrics", low=1, may_change=True)
    summary_freq: int = key("batches between TensorBoard scalars", low=1, may_change=True)
    output_reverse: bool = key("pictures show 1 - image", may_change=True)
    checkpoint_freq: int = key(
        "batches between checkpoints (one more at each epoch's end)",
        low=1,
        may_change=True,
        default=1000,
    )
    max_batches: int | None = key(
        "stop after so many batches, also within an epoch; None: train all epochs",
        low=1,
        may_change=True,
        default=None,
    )
    batches_per_call: int | None = key(
        "batches trained in one compiled call; None: 1 on a CPU, 40 on an accelerator",
        low=1,
        may_change=True,
        default=None,
    )
    metric_untrained: bool = key(
        "score the untrained model too (global_id -1)", may_change=True, default=False
    )
    data_dir: str | None = key(
        "folder of the data set; None: data/ beside the experiments", may_change=True, default=None
    )

    @property
    def score_suffix(self) -> str:
        """A suffix for score files, where one checkpoint can be scored in several ways."""
        return ""


@dataclass(frozen=True, kw_only=True)
class InfoGANCRKeys(TrainingConfig):
    """InfoGAN-CR: the keys of the paper's grid that all its experiments have."""

    info_coe_de: float = key("weight of log q(c | G(z)) in the generator's loss", low=0)
    info_coe_infod: float = key("the same in the discriminator's loss", low=0)
    de_lr: float = key("generator's learning rate", above=0)
    infod_lr: float = key("discriminator's and Q's learning rate", above=0)
    crd_lr: float = key("contrastive discriminator's learning rate", above=0)
    cr_coe_start: float = key("weight of the contrastive term at first", low=0)
    cr_coe_increase: float = key("how much it rises each time", low=0)
    cr_coe_increase_times: int = key("how often it rises", low=0)
    cr_coe_increase_batch: int = key("batches between rises", low=1)
    gap_start: float = key("least distance of the codes a pair does not share", low=0, high=2)
    gap_decrease: float = key("how much the gap falls each time", low=0, high=2)
    gap_decrease_times: int = key("how often it falls", low=0)
    gap_decrease_batch: int = key("batches between falls", low=1)
    uniform_reg_dim: int = key("number of codes", low=2)
    uniform_not_reg_dim: int = key("dimensions of the noise", low=0)
    skip_idle_crd: bool = key(
        "leave the contrastive discriminator out while it cannot reach the result", default=True
    )


@dataclass(frozen=True, kw_only=True)
class InfoGANCRConfig(InfoGANCRKeys):
    """InfoGAN-CR on dSprites."""

    q_l_dim: int = key("width of Q's hidden layer", low=1)


@dataclass(frozen=True, kw_only=True)
class FactorVAEConfig(TrainingConfig):
    """FactorVAE: the keys of the paper's grid, and the rates that its code fixes."""

    tc_coe: float = key("weight of the total correlation", low=0)
    gaussian_dim: int = key("number of latents", low=2)
    vae_lr: float = key("encoder's and decoder's learning rate", above=0, default=1e-4)
    tcd_lr: float = key("discriminator's learning rate", above=0, default=1e-4)
    codes: str = key(
        "what metrics see: 'sampled' codes (the paper's) or the 'mean'",
        may_change=True,
        choices=("sampled", "mean"),
        default="sampled",
    )

    @property
    def score_suffix(self) -> str:
        return "" if self.codes == "sampled" else f"_{self.codes}"


@dataclass(frozen=True, kw_only=True)
class GeneratedData:
    """For data sets that take minutes to make, and are made on request only."""

    generate: int | None = key(
        "where data_dir holds no data: images to draw for training; None: say how to make them",
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
    """InfoGAN-CR on CelebA; `generate` counts stand-in faces there."""


def parse(schema: type, values: dict[str, Any], where: str):
    """Check `values` against the dataclass `schema` and return an instance of it.

    where: names the source in messages, e.g. "config.py: global_config". Raises UserError for an
    unknown or missing key, a wrong type or a value outside its limits. Integers pass as floats.
    """
    fields = {f.name: f for f in dataclasses.fields(schema)}
    for key in values:
        if key not in fields:
            raise UserError(f"{where}: unknown key '{key}'{nearest(key, fields)}")
    for f in fields.values():
        if f.name not in values and f.default is dataclasses.MISSING:
            raise UserError(f"{where}: missing key '{f.name}' ({f.metadata['doc']})")
    return schema(**{key: _checked(fields[key], value, where) for key, value in values.items()})


def from_text(schema: type, key: str, text: str) -> Any:
    """The value that `--set key=text` means, by the key's type. Raises UserError."""
    fields = {f.name: f for f in dataclasses.fields(schema)}
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


def nearest(word: str, known) -> str:
    """'; did you mean ...?' with the nearest known word, or nothing."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def changed_keys(old: dict[str, Any], new: TrainingConfig) -> list[str]:
    """The keys of a run's earlier config `old` whose change would make a different model."""
    current = model_keys(new)
    return [key for key in current if old.get(key, "(absent)") != current[key]]


def model_keys(config: TrainingConfig) -> dict[str, Any]:
    """The keys whose change would make a different model, with their values."""
    fixed = [f.name for f in dataclasses.fields(config) if not f.metadata["may_change"]]
    return {key: getattr(config, key) for key in fixed}


def _checked(f, value, where):
    kinds = _kinds(f)
    fits = type(value) in kinds or (type(value) is int and float in kinds)
    if list in kinds and isinstance(value, list):
        fits = all(isinstance(item, str) for item in value)
    if not fits:
        raise UserError(f"{where}: '{f.name}' must be {_type_name(f)}, not {value!r}")
    limits = f.metadata
    if isinstance(value, int | float) and not isinstance(value, bool):
        for fails, words in (
            (limits["low"] is not None and value < limits["low"], f"at least {limits['low']}"),
            (limits["high"] is not None and value > limits["high"], f"at most {limits['high']}"),
            (limits["above"] is not None and value <= limits["above"], f"over {limits['above']}"),
            (value != value or value in (float("inf"), float("-inf")), "a finite number"),
        ):
            if fails:
                raise UserError(f"{where}: '{f.name}' must be {words}, not {value!r}")
    if limits["choices"] and value not in limits["choices"]:
        names = " or ".join(map(repr, limits["choices"]))
        raise UserError(f"{where}: '{f.name}' must be {names}, not {value!r}")
    return float(value) if float in kinds and value is not None else value


def _kinds(f):
    union = f.type.__args__ if isinstance(f.type, types.UnionType) else (f.type,)
    return [getattr(kind, "__origin__", kind) for kind in union]


def _type_name(f):
    names = {
        int: "an integer",
        float: "a number",
        bool: "True or False",
        str: "a string",
        list: "a list of strings",
        type(None): "None",
    }
    return " or ".join(names[kind] for kind in _kinds(f))
