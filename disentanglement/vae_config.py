"""The config keys of the VAEs: which objectives there are, and the weights that each one takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from disentanglement.config import GeneratedData, VAEKeys, key


@dataclass(frozen=True)
class Objective:
    """What a config may say of an objective; algorithms/vae.py has its formula.

    Attributes:
        title: Its name in tables.
        weight: The key of its weight, which must be set; "" if it has none.
        options: Keys of further weights, which may be set.
        schedule: Keys that say when its weights apply, which may be set, too.
        estimates: What it estimates from the images of a batch; "" for nothing.
    """

    title: str
    weight: str = ""
    options: tuple[str, ...] = ()
    schedule: tuple[str, ...] = ()
    estimates: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that are its own and not every objective's."""
        return (*filter(None, (self.weight,)), *self.options, *self.schedule)

    def named(self, config: Mapping[str, Any]) -> str:
        """Return what tables call a model of this config, e.g. "AnnealedVAE (25, gamma 10)"."""
        weights = [f"{config[self.weight]:g}"] if config.get(self.weight) is not None else []
        weights += [f"{key} {config[key]:g}" for key in self.options if config.get(key) is not None]
        return f"{self.title} ({', '.join(weights)})" if weights else self.title


OBJECTIVES = {
    "vae": Objective("VAE"),
    "beta_vae": Objective("beta-VAE", "beta"),
    "annealed_vae": Objective("AnnealedVAE", "capacity", ("gamma",), ("capacity_batches",)),
    "beta_tcvae": Objective("beta-TCVAE", "beta", estimates="the total correlation"),
    "dip_vae_i": Objective("DIP-VAE-I", "lambda_od", ("lambda_d",), estimates="a covariance"),
    "dip_vae_ii": Objective("DIP-VAE-II", "lambda_od", ("lambda_d",), estimates="a covariance"),
}
_GAMMA, _CAPACITY_BATCHES = 1000.0, 100_000
_LAMBDA_RATIO = {"dip_vae_i": 10.0, "dip_vae_ii": 1.0}  # lambda_d / lambda_od


@dataclass(frozen=True, kw_only=True)
class VAEConfig(VAEKeys):
    """VAEs on dSprites; the objective decides which of the weights are needed.

    Raises:
        ValueError: A weight is missing or not the objective's, or the batch is too small for it.
    """

    objective: str = key("the loss, see algorithms/vae.py", choices=tuple(OBJECTIVES))
    beta: float | None = key(
        "beta_vae: weight of the KL divergence; beta_tcvae: of the total correlation",
        low=0,
        default=None,
    )
    capacity: float | None = key(
        "annealed_vae: the KL divergence to end with, in nats", low=0, default=None
    )
    capacity_batches: int | None = key(
        f"annealed_vae: batches until it is reached, from 0; None: {_CAPACITY_BATCHES}",
        low=1,
        default=None,
    )
    gamma: float | None = key(
        f"annealed_vae: weight of the distance to the capacity; None: {_GAMMA:g}",
        low=0,
        default=None,
    )
    lambda_od: float | None = key(
        "dip_vae_i, dip_vae_ii: weight of the covariance matrix off its diagonal",
        low=0,
        default=None,
    )
    lambda_d: float | None = key(
        "the same on its diagonal; None: 10 lambda_od for dip_vae_i, lambda_od for dip_vae_ii",
        low=0,
        default=None,
    )

    def __post_init__(self) -> None:
        taken = OBJECTIVES[self.objective]
        for name in dict.fromkeys(name for each in OBJECTIVES.values() for name in each.keys):
            if name not in taken.keys and getattr(self, name) is not None:
                owners = [name_ for name_, each in OBJECTIVES.items() if name in each.keys]
                raise ValueError(
                    f"objective '{self.objective}' takes no '{name}' ({' and '.join(owners)} "
                    f"{'does' if len(owners) == 1 else 'do'}): leave it out, or set it to None"
                )
        if taken.weight and self.weight is None:
            raise ValueError(f"objective '{self.objective}' needs a value of '{taken.weight}'")
        if taken.estimates and self.batch_size < 2:
            raise ValueError(
                f"objective '{self.objective}' estimates {taken.estimates} within a batch: "
                "'batch_size' must be at least 2, not 1"
            )

    @property
    def weight(self) -> float | None:
        """The weight that the objective needs, None for a plain VAE."""
        name = OBJECTIVES[self.objective].weight
        return getattr(self, name) if name else None

    @property
    def gamma_or_default(self) -> float:
        """AnnealedVAE's weight."""
        return _GAMMA if self.gamma is None else self.gamma

    @property
    def lambda_d_or_default(self) -> float:
        """DIP-VAE's weight on the diagonal."""
        if self.lambda_d is not None:
            return self.lambda_d
        return _LAMBDA_RATIO[self.objective] * (self.lambda_od or 0)

    def capacity_at(self, global_id: int) -> float:
        """Return AnnealedVAE's capacity during a batch; it rises linearly from 0."""
        batches = _CAPACITY_BATCHES if self.capacity_batches is None else self.capacity_batches
        return (self.capacity or 0) * min(global_id / batches, 1.0)


@dataclass(frozen=True, kw_only=True)
class TeapotVAEConfig(VAEConfig, GeneratedData):
    """VAEs on 3D teapots."""
