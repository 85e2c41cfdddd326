"""Stand-in faces: cartoons drawn from a few numbers, to try the CelebA experiment without CelebA.

They are nobody's pictures and no benchmark. A face is composed of smooth shapes, from back to
front; coordinates go from -1 to 1, x to the right, y down.
"""

import numpy as np

SIZE = 32
# What varies, each number uniform in [0, 1].
NAMES = (
    "skin", "hair_tone", "hair_length", "background_hue", "background_light", "pose", "smile",
    "width", "light",
)  # fmt: skip
_SKIN = np.array([[0.36, 0.22, 0.14], [0.62, 0.42, 0.30], [0.96, 0.80, 0.69]])
_HAIR = np.array([[0.07, 0.05, 0.05], [0.38, 0.20, 0.10], [0.90, 0.76, 0.45]])
_HUES = np.array([[0.75, 0.30, 0.30], [0.35, 0.65, 0.35], [0.30, 0.40, 0.75], [0.75, 0.30, 0.30]])
_CHUNK = 500  # faces drawn at a time


def draw_latents(rng: np.random.Generator, n: int) -> np.ndarray:
    """What n faces are drawn from: [n, 9], each uniform in [0, 1]; NAMES says what they are."""
    return rng.random((n, len(NAMES)))


def draw(latents: np.ndarray) -> np.ndarray:
    """Pictures [n, 32, 32, 3], uint8, of latents [n, 9]."""
    pieces = [_draw(latents[i : i + _CHUNK]) for i in range(0, len(latents), _CHUNK)]
    return np.concatenate(pieces)


def _draw(latents):
    # Every number has the shape [n, 1, 1], to be spread over a picture's pixels.
    skin, hair, length, hue, bright, pose, smile, width, light = latents.T[:, :, None, None]
    centre = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = centre[None, None, :], centre[None, :, None]
    turn = 0.36 * (pose - 0.5)  # how far the features move to the side
    broad = 0.50 + 0.14 * width
    fx = x - turn / 2

    picture = _mix(_HUES, hue) * (0.35 + 0.75 * bright)[..., None]
    picture = np.broadcast_to(picture, (len(latents), SIZE, SIZE, 3))
    hair_colour, skin_colour = _mix(_HAIR, hair), _mix(_SKIN, skin)
    picture = _over(picture, hair_colour, _ellipse(fx, y + 0.12, broad + 0.17, 0.80))
    long = _ellipse(fx, y - 0.45, broad + 0.22, 0.85) * (length > 0.4)
    picture = _over(picture, hair_colour, long * np.minimum(1, (length - 0.4) * 5))
    picture = _over(picture, 0.8 * skin_colour, _ellipse(x, y - 0.95, 0.28, 0.45))  # neck
    picture = _over(picture, skin_colour, _ellipse(fx, y - 0.08, broad, 0.72))
    # The light comes from one side.
    shade = 1 + 0.45 * (light - 0.5) * 2 * fx / broad
    face = _ellipse(fx, y - 0.08, broad, 0.72)
    picture = picture * (1 + face * (shade - 1))[..., None]
    fringe = _ellipse(fx, y + 0.12, broad + 0.17, 0.80) * _below(y + 0.38 - 0.25 * fx)
    picture = _over(picture, hair_colour, fringe)
    for side in (-1, 1):
        ex = fx - turn - side * 0.40 * broad
        picture = _over(picture, 0.6 * hair_colour, _ellipse(ex, y + 0.20, 0.15, 0.045))
        picture = _over(picture, np.full(3, 0.95), _ellipse(ex, y + 0.06, 0.12, 0.075))
        picture = _over(picture, np.full(3, 0.10), _ellipse(ex - turn / 6, y + 0.06, 0.06, 0.07))
    picture = _over(picture, 0.82 * skin_colour, _ellipse(fx - 1.4 * turn, y - 0.20, 0.07, 0.16))
    mx, bend = fx - turn, 0.9 * (smile - 0.35)
    mouth_width = 0.22 + 0.12 * smile
    curve = y - 0.48 + bend * mx**2 / mouth_width * 1.2 - 0.06 * smile
    mouth = _below(np.abs(curve) - 0.055 - 0.05 * smile) * _below(np.abs(mx) - mouth_width)
    picture = _over(picture, np.array([0.70, 0.22, 0.22]), mouth)
    teeth = _below(np.abs(curve) - 0.03) * _below(np.abs(mx) - 0.75 * mouth_width)
    picture = _over(picture, np.full(3, 0.96), teeth * np.clip(3 * (smile - 0.55), 0, 1))
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _mix(colours, amount):
    """Colours [n, 1, 1, 3] along a row of them, for amounts [n, 1, 1] in [0, 1]."""
    places = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(amount, places, channel) for channel in colours.T], axis=-1)


def _over(picture, colour, share):
    return picture + share[..., None] * (colour - picture)


def _ellipse(x, y, a, b):
    """1 inside, 0 outside, with an edge a pixel wide."""
    radius = np.sqrt((x / a) ** 2 + (y / b) ** 2)
    return _below((radius - 1) * np.minimum(a, b))


def _below(distance):
    """1 where a distance is below 0, and 0 above, with an edge a pixel wide."""
    return np.clip(0.5 - distance * SIZE / 2, 0, 1)
