"""The three sets of 3D teapots: which latents they have, how these are drawn, what they mean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from disentanglement.data.teapots.render import Scenes, direction, rotation_x, rotation_z

NUM_IMAGES = 200_000  # for training, in the paper
_COLOUR = (0.3, 0.5, 0.9)  # where the colour is fixed


@dataclass(frozen=True)
class Variant:
    """name: as in the scripts of 3D_teapot/. factor_names: of the latents, F of them.

    draw: (rng, n) -> latents [n, F]; scenes: latents [n, F] -> Scenes. groups: of images that share
    a factor, in the metric data. sweeps: of each latent, the values between which pictures move it.
    """

    name: str
    factor_names: tuple[str, ...]
    draw: Callable[[np.random.Generator, int], np.ndarray]
    scenes: Callable[[np.ndarray], Scenes]
    groups: int
    sweeps: tuple[tuple[float, float], ...]


def _draw_coloured(rng, n):
    turn = rng.uniform(0, 2 * np.pi, (n, 1))
    elevation = rng.uniform(0, np.pi / 2, (n, 1))
    return np.concatenate([turn, elevation, rng.random((n, 3))], axis=1)


def _coloured(latents):
    turn, elevation = latents[:, :2].T
    return Scenes(rotation_z(-turn), elevation, _from_above(len(latents)), latents[:, 2:])


def _draw_turned(rng, n):
    gamma = rng.uniform(0, 2 * np.pi, n)
    alpha, beta = random_direction(rng, n)
    return np.stack([gamma, beta, alpha], axis=1)


def _turned(latents):
    return _lit(latents, _from_above(len(latents)))


def _draw_turned_and_lit(rng, n):
    return np.concatenate(
        [_draw_turned(rng, n), np.stack(random_direction(rng, n), axis=1)], axis=1
    )


def _turned_and_lit(latents):
    return _lit(latents, direction(*latents[:, 3:].T))


def _lit(latents, light):
    gamma, beta, alpha = latents[:, :3].T
    rotation = rotation_z(-alpha) @ rotation_x(beta) @ rotation_z(-gamma)
    n = len(latents)
    return Scenes(rotation, np.zeros(n), light, np.tile(_COLOUR, (n, 1)))


def _from_above(n):
    return direction(np.zeros(n), np.zeros(n))


def random_direction(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n directions, uniform on the sphere: azimuths in [0, 2 pi), polar angles in [0, pi]."""
    x, y, z = rng.standard_normal((3, n))
    polar = np.arccos(z / np.sqrt(x**2 + y**2 + z**2))
    return np.arctan2(x, y) % (2 * np.pi), polar


_TURN, _HALF_TURN = (0, 2 * np.pi), (0, np.pi)

ALL_COLOR = Variant(
    "all_color_incomplete_rotation_up_light",
    ("azimuth", "elevation", "red", "green", "blue"),
    _draw_coloured,
    _coloured,
    groups=500,
    sweeps=(_TURN, (0, np.pi / 2), (0, 1), (0, 1), (0, 1)),
)
FIXED_COLOR = Variant(
    "fixed_color_complete_rotation_up_light",
    ("gamma", "beta", "alpha"),
    _draw_turned,
    _turned,
    groups=300,
    sweeps=(_TURN, _HALF_TURN, _TURN),
)
UNIFORM_LIGHT = Variant(
    "fixed_color_complete_rotation_uniform_light",
    ("gamma", "beta", "alpha", "light_azimuth", "light_elevation"),
    _draw_turned_and_lit,
    _turned_and_lit,
    groups=500,
    sweeps=(_TURN, _HALF_TURN, _TURN, _TURN, _HALF_TURN),
)
VARIANTS = {variant.name: variant for variant in (ALL_COLOR, FIXED_COLOR, UNIFORM_LIGHT)}
