"""Stand-in faces: cartoons made from a few numbers, to try the CelebA experiment without CelebA.

They show no real person and are no benchmark. A face is composed of smooth shapes, from back to
front; coordinates run from -1 to 1, x to the right, y down.
"""

import numpy as np

SIZE = 32
# The latents, each uniform in [0, 1].
NAMES = (
    "skin", "hair_tone", "hair_length", "background_hue", "background_light", "pose", "smile",
    "width", "light",
)  # fmt: skip
_SKIN = np.array([[0.36, 0.22, 0.14], [0.62, 0.42, 0.30], [0.96, 0.80, 0.69]])
_HAIR = np.array([[0.07, 0.05, 0.05], [0.38, 0.20, 0.10], [0.90, 0.76, 0.45]])
_HUES = np.array([[0.75, 0.30, 0.30], [0.35, 0.65, 0.35], [0.30, 0.40, 0.75], [0.75, 0.30, 0.30]])
_CHUNK = 500  # faces rendered at a time


def sample_latents(rng: np.random.Generator, n: int) -> np.ndarray:
    """Sample the latents of n faces: [n, 9], in the order of NAMES, uniform in [0, 1]."""
    return rng.random((n, len(NAMES)))


def render(latents: np.ndarray) -> np.ndarray:
    """Render faces: images [n, 32, 32, 3], uint8, of latents [n, 9]."""
    chunks = [_render(latents[i : i + _CHUNK]) for i in range(0, len(latents), _CHUNK)]
    return np.concatenate(chunks)


def _render(latents):
    # Every latent has the shape [n, 1, 1], to broadcast over the pixels.
    skin, hair, length, hue, bright, pose, smile, width, light = latents.T[:, :, None, None]
    centre = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = centre[None, None, :], centre[None, :, None]
    turn = 0.36 * (pose - 0.5)  # how far the features move to the side
    half_width = 0.50 + 0.14 * width
    fx = x - turn / 2

    image = _mix(_HUES, hue) * (0.35 + 0.75 * bright)[..., None]
    image = np.broadcast_to(image, (len(latents), SIZE, SIZE, 3))
    hair_colour, skin_colour = _mix(_HAIR, hair), _mix(_SKIN, skin)
    image = _over(image, hair_colour, _ellipse(fx, y + 0.12, half_width + 0.17, 0.80))
    long = _ellipse(fx, y - 0.45, half_width + 0.22, 0.85) * (length > 0.4)
    image = _over(image, hair_colour, long * np.minimum(1, (length - 0.4) * 5))
    image = _over(image, 0.8 * skin_colour, _ellipse(x, y - 0.95, 0.28, 0.45))  # neck
    image = _over(image, skin_colour, _ellipse(fx, y - 0.08, half_width, 0.72))
    # Light comes from one side.
    shade = 1 + 0.45 * (light - 0.5) * 2 * fx / half_width
    face = _ellipse(fx, y - 0.08, half_width, 0.72)
    image = image * (1 + face * (shade - 1))[..., None]
    fringe = _ellipse(fx, y + 0.12, half_width + 0.17, 0.80) * _below(y + 0.38 - 0.25 * fx)
    image = _over(image, hair_colour, fringe)
    for side in (-1, 1):
        ex = fx - turn - side * 0.40 * half_width
        image = _over(image, 0.6 * hair_colour, _ellipse(ex, y + 0.20, 0.15, 0.045))
        image = _over(image, np.full(3, 0.95), _ellipse(ex, y + 0.06, 0.12, 0.075))
        image = _over(image, np.full(3, 0.10), _ellipse(ex - turn / 6, y + 0.06, 0.06, 0.07))
    image = _over(image, 0.82 * skin_colour, _ellipse(fx - 1.4 * turn, y - 0.20, 0.07, 0.16))
    mx, bend = fx - turn, 0.9 * (smile - 0.35)
    mouth_width = 0.22 + 0.12 * smile
    curve = y - 0.48 + bend * mx**2 / mouth_width * 1.2 - 0.06 * smile
    mouth = _below(np.abs(curve) - 0.055 - 0.05 * smile) * _below(np.abs(mx) - mouth_width)
    image = _over(image, np.array([0.70, 0.22, 0.22]), mouth)
    teeth = _below(np.abs(curve) - 0.03) * _below(np.abs(mx) - 0.75 * mouth_width)
    image = _over(image, np.full(3, 0.96), teeth * np.clip(3 * (smile - 0.55), 0, 1))
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _mix(colours, amount):
    """Interpolate between a row of colours, for amounts [n, 1, 1] in [0, 1]: [n, 1, 1, 3]."""
    positions = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(amount, positions, channel) for channel in colours.T], axis=-1)


def _over(image, colour, opacity):
    """Paint a colour over the image."""
    return image + opacity[..., None] * (colour - image)


def _ellipse(x, y, a, b):
    """Return 1 inside the ellipse and 0 outside, with an edge one pixel wide."""
    radius = np.sqrt((x / a) ** 2 + (y / b) ** 2)
    return _below((radius - 1) * np.minimum(a, b))


def _below(distance):
    """Return 1 where a distance is below 0 and 0 where above, with an edge one pixel wide."""
    return np.clip(0.5 - distance * SIZE / 2, 0, 1)
