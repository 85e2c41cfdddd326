"""Latent distributions: sampling, pairs for the contrastive regulariser, traversals.

Latents are drawn with NumPy on the host, from the run's own generators.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class UniformLatent:
    """A block of `dim` independent coordinates, each U(low, high)."""

    dim: int
    low: float = -1.0
    high: float = 1.0

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return draws [n, dim]."""
        return rng.uniform(self.low, self.high, (n, self.dim)).astype(np.float32)

    def sample_apart(
        self, rng: np.random.Generator, n: int, gap: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return two draws [n, dim] that differ by at least `gap` in every coordinate.

        Both are drawn from the interval shortened by gap / 2 at either end; then the larger is
        moved up and the smaller down by gap / 2.
        """
        half = gap / 2
        a, b = rng.uniform(self.low + half, self.high - half, (2, n, self.dim))
        push = np.where(a > b, half, -half)
        return (a + push).astype(np.float32), (b - push).astype(np.float32)

    def sweep(self, num_sample: int) -> np.ndarray:
        """Return `num_sample` evenly spaced values from low to high."""
        return np.linspace(self.low, self.high, num_sample, dtype=np.float32)


@dataclass(frozen=True)
class GaussianLatent:
    """A block of `dim` independent coordinates, each N(mean, std^2)."""

    dim: int
    mean: float = 0.0
    std: float = 1.0

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return draws [n, dim]."""
        return rng.normal(self.mean, self.std, (n, self.dim)).astype(np.float32)

    def sweep(self, num_sample: int) -> np.ndarray:
        """Return `num_sample` evenly spaced values within two standard deviations of the mean."""
        low, high = self.mean - 2 * self.std, self.mean + 2 * self.std
        return np.linspace(low, high, num_sample, dtype=np.float32)


@dataclass(frozen=True)
class Pair:
    """Pairs of latents that share one code.

    Attributes:
        first, second: The latents, [n, dim] float32.
        label: The index of the shared code, [n] int32.
    """

    first: np.ndarray
    second: np.ndarray
    label: np.ndarray


class JointLatent:
    """Independent one-dimensional codes followed by a block of noise.

    Args:
        code: The distribution of each code; its dim must be 1.
        num_codes: The number of codes.
        noise: The distribution of the noise; dim 0 for none.
    """

    def __init__(self, code: UniformLatent | GaussianLatent, num_codes: int, noise: UniformLatent):
        if code.dim != 1:
            raise ValueError(f"a code has one dimension, not {code.dim}")
        self.code, self.num_codes, self.noise = code, num_codes, noise
        self.dim = num_codes + noise.dim
        self.names = [f"code_{j}" for j in range(num_codes)] + ["noise"] * (noise.dim > 0)

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return draws [n, dim]: the codes, then the noise."""
        codes = [self.code.sample(rng, n) for _ in range(self.num_codes)]
        return np.concatenate([*codes, self.noise.sample(rng, n)], axis=1)

    def sample_pair(self, rng: np.random.Generator, n: int, gap: float) -> Pair:
        """Return n pairs that share one code, chosen uniformly, and the noise.

        The other codes of the two are at least `gap` apart (InfoGAN-CR, section 3: the contrastive
        regulariser). The codes must be uniform.
        """
        if not isinstance(self.code, UniformLatent):
            raise TypeError(f"pairs need uniform codes, not {type(self.code).__name__}")
        label = rng.integers(self.num_codes, size=n, dtype=np.int32)
        shared = self.code.sample(rng, n)
        apart = [self.code.sample_apart(rng, n, gap) for _ in range(self.num_codes)]
        noise = self.noise.sample(rng, n)

        def latents(columns):
            codes = np.concatenate(columns, axis=1)
            codes[np.arange(n), label] = shared[:, 0]
            return np.concatenate([codes, noise], axis=1)

        firsts, seconds = zip(*apart, strict=True)
        return Pair(latents(firsts), latents(seconds), label)

    def values(self, index: int, num_sample: int) -> np.ndarray:
        """Return the values [num_sample] that code `index`, or the noise, takes in `traverse`."""
        return (self.code if index < self.num_codes else self.noise).sweep(num_sample)

    def traverse(self, base: np.ndarray, index: int, num_sample: int) -> np.ndarray:
        """Return latents [num_sample * num_rep, dim] in which only one code, or the noise, varies.

        Args:
            base: The latents to start from, [num_rep, dim].
            index: The number of a code, or num_codes for the noise, whose coordinates all take
                the same value.
            num_sample: The number of values.

        Returns:
            Row s * num_rep + r is base[r] with value s.
        """
        latents = np.tile(base, (num_sample, 1))
        stop = index + 1 if index < self.num_codes else self.dim
        values = np.repeat(self.values(index, num_sample), len(base))
        latents[:, index:stop] = values[:, None]
        return latents
