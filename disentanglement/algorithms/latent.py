"""Latent distributions: sampling, pairs for the contrastive regulariser, traversals.

Everything here is NumPy: latents are drawn on the host from the run's own generators. A joint
latent lays its blocks side by side; the codes (regularised, one dimension each) come first.
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
        """Draws [n, dim]."""
        return rng.uniform(self.low, self.high, (n, self.dim)).astype(np.float32)

    def sample_apart(self, rng: np.random.Generator, n: int, gap: float):
        """Two draws [n, dim] that differ by at least `gap` in every coordinate.

        Both are drawn from the interval shortened by gap / 2 at either end, then the larger is
        pushed up and the smaller down by gap / 2.
        """
        half = gap / 2
        a, b = rng.uniform(self.low + half, self.high - half, (2, n, self.dim))
        push = np.where(a > b, half, -half)
        return (a + push).astype(np.float32), (b - push).astype(np.float32)

    def sweep(self, num_sample: int) -> np.ndarray:
        """`num_sample` evenly spaced values from low to high."""
        return np.linspace(self.low, self.high, num_sample, dtype=np.float32)


@dataclass(frozen=True)
class GaussianLatent:
    """A block of `dim` independent coordinates, each N(mean, std^2)."""

    dim: int
    mean: float = 0.0
    std: float = 1.0

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draws [n, dim]."""
        return rng.normal(self.mean, self.std, (n, self.dim)).astype(np.float32)

    def sweep(self, num_sample: int) -> np.ndarray:
        """`num_sample` evenly spaced values over mean +- 2 std."""
        low, high = self.mean - 2 * self.std, self.mean + 2 * self.std
        return np.linspace(low, high, num_sample, dtype=np.float32)


@dataclass(frozen=True)
class Pair:
    """Latents that share one code: first, second [n, dim] float32, label [n] int32."""

    first: np.ndarray
    second: np.ndarray
    label: np.ndarray


class JointLatent:
    """Codes, one-dimensional and regularised, followed by one block of noise that is not.

    code: the distribution of one code; num_codes: how many; noise: the block (dim 0: none). Pairs
    need uniform codes.
    """

    def __init__(self, code: UniformLatent | GaussianLatent, num_codes: int, noise: UniformLatent):
        if code.dim != 1:
            raise ValueError(f"a code has one dimension, not {code.dim}")
        self.code, self.num_codes, self.noise = code, num_codes, noise
        self.dim = num_codes + noise.dim
        self.names = [f"code_{j}" for j in range(num_codes)] + ["noise"] * (noise.dim > 0)

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draws [n, dim]: the codes, then the noise."""
        codes = [self.code.sample(rng, n) for _ in range(self.num_codes)]
        return np.concatenate([*codes, self.noise.sample(rng, n)], axis=1)

    def sample_pair(self, rng: np.random.Generator, n: int, gap: float) -> Pair:
        """Pairs that share the code `label`, drawn uniformly for each row.

        Every other code is drawn for each of the two on its own, at least `gap` apart; the noise
        is shared. (Paper, section 3: the contrastive regulariser.)
        """
        label = rng.integers(self.num_codes, size=n, dtype=np.int32)
        equal = self.code.sample(rng, n)
        apart = [self.code.sample_apart(rng, n, gap) for _ in range(self.num_codes)]
        noise = self.noise.sample(rng, n)
        halves = []
        for codes in zip(*apart, strict=True):
            codes = np.concatenate(codes, axis=1)
            codes[np.arange(n), label] = equal[:, 0]
            halves.append(np.concatenate([codes, noise], axis=1))
        return Pair(*halves, label)

    def traverse(self, base: np.ndarray, index: int, num_sample: int) -> np.ndarray:
        """Latents [num_sample * len(base), dim] in which only block `index` moves.

        base: [num_rep, dim]. index: a code, or num_codes for the noise, whose coordinates sweep
        together. Row s * num_rep + r holds value s of base vector r.
        """
        latents = np.tile(base, (num_sample, 1))
        first, block = (
            (index, self.code) if index < self.num_codes else (self.num_codes, self.noise)
        )
        values = np.repeat(block.sweep(num_sample), len(base))
        latents[:, first : first + block.dim] = values[:, None]
        return latents
