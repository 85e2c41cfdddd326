"""Render meshes: pose, camera, light and shading of the 3D teapots, equivalent to OpenDR's.

The world is right-handed, z up, in metres.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from disentanglement.data.teapots.mesh import Mesh
from disentanglement.errors import UserError

SIZE = 64
FOCAL_LENGTH = 105.0  # pixels
CAMERA_DISTANCE = 0.5  # from the origin, metres
DIFFUSE, AMBIENT = 0.9, 0.5
# The samples (x, y) of a pixel: eight positions on different rows and columns, in sixteenths of it.
SAMPLES = np.array(
    [[1, -3], [-1, 3], [5, 1], [-3, -5], [-5, 5], [-7, -1], [3, 7], [7, -7]], np.float64
)
SAMPLES = 0.5 + SAMPLES / 16


@dataclass(frozen=True)
class Scenes:
    """What to render: n scenes.

    Attributes:
        rotation: [n, 3, 3], of the mesh.
        elevation: [n], of the camera, in radians.
        light: [n, 3], unit vectors towards the light.
        colour: [n, 3], RGB in [0, 1].
    """

    rotation: np.ndarray
    elevation: np.ndarray
    light: np.ndarray
    colour: np.ndarray

    def __len__(self) -> int:
        return len(self.elevation)


def euler_rotation(axes: str, *angles: np.ndarray) -> np.ndarray:
    """Return rotation matrices [n, 3, 3] from an angle [n] in radians for each of the axes.

    axes: as for SciPy's `Rotation.from_euler`, e.g. "ZXZ".
    """
    from scipy.spatial.transform import Rotation  # slow to import

    return Rotation.from_euler(axes, np.stack(angles, axis=1)).as_matrix()


def camera(elevation: np.ndarray) -> np.ndarray:
    """Return the camera's axes [n, 3, 3], columns right, down and forward, for elevations [n].

    The camera looks at the origin from CAMERA_DISTANCE. At elevation 0, right is x, down is -z and
    forward is y.
    """
    return euler_rotation("x", -elevation)[:, :, [0, 2, 1]] * [1, -1, 1]


def direction(azimuth: np.ndarray, polar: np.ndarray) -> np.ndarray:
    """Return unit vectors [n, 3]; azimuth is measured from -y towards x, polar from +z."""
    sine = np.sin(polar)
    return np.stack([np.sin(azimuth) * sine, -np.cos(azimuth) * sine, np.cos(polar)], axis=-1)


class Renderer:
    """Renders scenes of one mesh by ray casting, eight rays a pixel.

    The mesh stays fixed while camera and light move, so Embree builds its tree of triangles once.

    Raises:
        UserError: embreex is not installed.
    """

    def __init__(self, mesh: Mesh):
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as error:
            raise UserError(
                f"rendering teapots needs embreex ({error}): pip install embreex; if it has no "
                "wheel for this machine (ARM Linux), generate the data on another"
            ) from error
        self.mesh = mesh
        # Robust: no ray slips between two adjacent triangles.
        self.scene = EmbreeScene(robust=True)
        TriangleMesh(self.scene, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))

    def render(self, scenes: Scenes) -> np.ndarray:
        """Return images [n, 64, 64, 3], uint8; the background is 255."""
        return np.stack([self._render(*scene) for scene in _in_mesh_coordinates(scenes)])

    def _render(self, axes: np.ndarray, light: np.ndarray, colour: np.ndarray) -> np.ndarray:
        image = np.full((SIZE, SIZE, 3), 255, np.uint8)
        window = self._window(axes)
        rays = self._rays(window) @ axes.T.astype(np.float32)
        origin = np.broadcast_to(-CAMERA_DISTANCE * axes[:, 2].astype(np.float32), rays.shape)
        found = self.scene.run(np.ascontiguousarray(origin), rays, output=1)
        hit = found["primID"] >= 0
        values = np.ones((len(rays), 3))
        brightness = self._brightness(light, found, hit)
        values[hit] = np.minimum(brightness[:, None] * colour, 1)
        pixels = values.reshape(-1, len(SAMPLES), 3).mean(axis=1)
        rows, columns = window
        shape = (rows.stop - rows.start, columns.stop - columns.start, 3)
        image[rows, columns] = np.rint(255 * pixels).reshape(shape)
        return image

    def _window(self, axes: np.ndarray) -> tuple[slice, slice]:
        """Return the rows and columns of the pixels that the mesh can cover."""
        x, y, z = axes.T @ self.mesh.vertices.T
        z = z + CAMERA_DISTANCE
        window = []
        for position in (y, x):
            position = SIZE / 2 + FOCAL_LENGTH * position / z
            first, last = np.clip([position.min() - 1, position.max() + 2], 0, SIZE).astype(int)
            window.append(slice(first, max(last, first + 1)))
        return window[0], window[1]

    def _rays(self, window: tuple[slice, slice]) -> np.ndarray:
        """Return ray directions [rows * columns * samples, 3] in the camera's axes, float32."""
        rows, columns = (np.arange(part.start, part.stop) for part in window)
        rays = np.ones((len(rows), len(columns), len(SAMPLES), 3), np.float32)
        rays[..., 0] = (columns[:, None] + SAMPLES[:, 0] - SIZE / 2) / FOCAL_LENGTH
        rays[..., 1] = (rows[:, None, None] + SAMPLES[:, 1] - SIZE / 2) / FOCAL_LENGTH
        return rays.reshape(-1, 3)

    def _brightness(self, light: np.ndarray, found: dict[str, Any], hit: np.ndarray) -> np.ndarray:
        """Return the brightness where rays hit, interpolated between the vertices (Gouraud)."""
        at_vertices = DIFFUSE * np.maximum(self.mesh.normals @ light, 0) + AMBIENT
        a, b, c = at_vertices[self.mesh.faces[found["primID"][hit]]].T
        u, v = found["u"][hit], found["v"][hit]
        return a + u * (b - a) + v * (c - a)


def _in_mesh_coordinates(scenes: Scenes) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the camera's axes, the light and the colour of each scene, as seen from the mesh."""
    inverse = scenes.rotation.transpose(0, 2, 1)
    light = np.einsum("nij,nj->ni", inverse, scenes.light)
    return zip(inverse @ camera(scenes.elevation), light, scenes.colour, strict=True)
