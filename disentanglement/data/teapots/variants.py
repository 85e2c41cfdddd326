"""The three variants of the 3D teapots: their latents, how to sample and how to interpret them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from disentanglement.data.teapots.render import Scenes, direction, euler_rotation

NUM_IMAGES = 200_000  # training images, in the paper
DEGREES, INTENSITY = "degrees", "intensity"
_FIXED_COLOUR = (0.3, 0.5, 0.9)


@dataclass(frozen=True)
class Variant:
    """A way to vary images of teapots.

    Attributes:
        name: As in the names of the scripts in 3D_teapot/.
        factor_names: The names of the F latents.
        sample: (rng, n) -> latents [n, F].
        scenes: Latents [n, F] -> the scenes they describe.
        groups: How many groups of images the metric data have; those of a group share a factor.
        base: The latents [F] from which the rows of a contact sheet start: a side view, in which
            handle and spout show.
        sweeps: (first, last) value of each latent in these rows.
        units: In what each latent is shown there: DEGREES (they are in radians) or INTENSITY.
    """

    name: str
    factor_names: tuple[str, ...]
    sample: Callable[[np.random.Generator, int], np.ndarray]
    scenes: Callable[[np.ndarray], Scenes]
    groups: int
    base: tuple[float, ...]
    sweeps: tuple[tuple[float, float], ...]
    units: tuple[str, ...]


def _sample_coloured(rng: np.random.Generator, n: int) -> np.ndarray:
    azimuth = rng.uniform(0, 2 * np.pi, (n, 1))
    elevation = rng.uniform(0, np.pi / 2, (n, 1))
    return np.concatenate([azimuth, elevation, rng.random((n, 3))], axis=1)


def _coloured_scenes(latents: np.ndarray) -> Scenes:
    azimuth, elevation = latents[:, :2].T
    light = _from_above(len(latents))
    return Scenes(euler_rotation("z", -azimuth), elevation, light, latents[:, 2:])


def _sample_turned(rng: np.random.Generator, n: int) -> np.ndarray:
    gamma = rng.uniform(0, 2 * np.pi, n)
    alpha, beta = random_direction(rng, n)
    return np.stack([gamma, beta, alpha], axis=1)


def _turned_scenes(latents: np.ndarray) -> Scenes:
    return _blue_scenes(latents, _from_above(len(latents)))


def _sample_turned_and_lit(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.concatenate(
        [_sample_turned(rng, n), np.stack(random_direction(rng, n), axis=1)], axis=1
    )


def _turned_and_lit_scenes(latents: np.ndarray) -> Scenes:
    return _blue_scenes(latents, direction(*latents[:, 3:].T))


def _blue_scenes(latents: np.ndarray, light: np.ndarray) -> Scenes:
    gamma, beta, alpha = latents[:, :3].T
    n = len(latents)
    turned = euler_rotation("ZXZ", -alpha, beta, -gamma)
    return Scenes(turned, np.zeros(n), light, np.tile(_FIXED_COLOUR, (n, 1)))


def _from_above(n: int) -> np.ndarray:
    return direction(np.zeros(n), np.zeros(n))


def random_direction(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample directions uniformly on the sphere.

    Returns:
        Azimuths [n] in [0, 2 pi) and polar angles [n] in [0, pi]; see `render.direction`.
    """
    x, y, z = rng.standard_normal((3, n))
    polar = np.arccos(z / np.sqrt(x**2 + y**2 + z**2))
    return np.arctan2(x, y) % (2 * np.pi), polar


# The spout points to the right and a little towards the camera, which looks down a little.
_SIDE, _TILT = 5 / 3 * np.pi, np.pi / 6
_TURN, _HALF_TURN = (0, 2 * np.pi), (0, np.pi)

ALL_COLOR = Variant(
    "all_color_incomplete_rotation_up_light",
    ("azimuth", "elevation", "red", "green", "blue"),
    _sample_coloured,
    _coloured_scenes,
    groups=500,
    base=(_SIDE, _TILT, *_FIXED_COLOUR),
    sweeps=(_TURN, (0, np.pi / 2), (0, 1), (0, 1), (0, 1)),
    units=(DEGREES, DEGREES, INTENSITY, INTENSITY, INTENSITY),
)
FIXED_COLOR = Variant(
    "fixed_color_complete_rotation_up_light",
    ("gamma", "beta", "alpha"),
    _sample_turned,
    _turned_scenes,
    groups=300,
    base=(_SIDE, _TILT, 0),
    sweeps=(_TURN, _HALF_TURN, _TURN),
    units=(DEGREES,) * 3,
)
UNIFORM_LIGHT = Variant(
    "fixed_color_complete_rotation_uniform_light",
    ("gamma", "beta", "alpha", "light_azimuth", "light_elevation"),
    _sample_turned_and_lit,
    _turned_and_lit_scenes,
    groups=500,
    base=(_SIDE, _TILT, 0, 0, np.pi / 4),
    sweeps=(_TURN, _HALF_TURN, _TURN, _TURN, _HALF_TURN),
    units=(DEGREES,) * 5,
)
VARIANTS = {variant.name: variant for variant in (ALL_COLOR, FIXED_COLOR, UNIFORM_LIGHT)}
