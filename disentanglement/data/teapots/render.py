"""Pictures of a mesh: pose, camera, light and shading of the 3D teapots (REPRODUCTION of OpenDR's).

World: right-handed, z up, metres. A scene is one row of latents; see `Scenes`.
"""

from dataclasses import dataclass

import numpy as np

from disentanglement.data.teapots.mesh import Mesh
from disentanglement.errors import UserError

SIZE = 64
FOCAL = 105.0  # pixels
DISTANCE = 0.5  # from the camera to the origin, metres
DIFFUSE, AMBIENT = 0.9, 0.5
# Where a pixel is looked at: eight places on different rows and columns, in sixteenths of it.
SAMPLES = np.array(
    [[1, -3], [-1, 3], [5, 1], [-3, -5], [-5, 5], [-7, -1], [3, 7], [7, -7]], np.float64
)
SAMPLES = 0.5 + SAMPLES / 16


@dataclass(frozen=True)
class Scenes:
    """n scenes. rotation [n, 3, 3]: of the mesh; elevation [n]: of the camera; light [n, 3]: unit
    vectors towards it; colour [n, 3]: RGB in [0, 1].
    """

    rotation: np.ndarray
    elevation: np.ndarray
    light: np.ndarray
    colour: np.ndarray

    def __len__(self) -> int:
        return len(self.elevation)


def rotation_z(angle: np.ndarray) -> np.ndarray:
    """[n] radians -> [n, 3, 3]: turns x towards y."""
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c, -s, zero, s, c, zero, zero, zero, one], axis=-1).reshape(-1, 3, 3)


def rotation_x(angle: np.ndarray) -> np.ndarray:
    """[n] radians -> [n, 3, 3]: turns y towards z."""
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([one, zero, zero, zero, c, -s, zero, s, c], axis=-1).reshape(-1, 3, 3)


def camera(elevation: np.ndarray) -> np.ndarray:
    """[n] radians -> the camera's axes [n, 3, 3]; its columns point right, down and forward.

    It stands DISTANCE behind the origin, which it looks at.
    """
    zero, one = np.zeros_like(elevation), np.ones_like(elevation)
    c, s = np.cos(elevation), np.sin(elevation)
    return np.stack([one, zero, zero, zero, -s, c, zero, -c, -s], axis=-1).reshape(-1, 3, 3)


def direction(azimuth: np.ndarray, polar: np.ndarray) -> np.ndarray:
    """Unit vectors [n, 3]; polar: angle from +z; azimuth: from -y, towards x."""
    sine = np.sin(polar)
    return np.stack([np.sin(azimuth) * sine, -np.cos(azimuth) * sine, np.cos(polar)], axis=-1)


class Renderer:
    """Draws scenes of one mesh by casting rays, eight a pixel.

    The mesh stays where it is and the camera and the light move, so that Embree's tree of its
    triangles is built once.
    """

    def __init__(self, mesh: Mesh):
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as error:
            raise UserError(
                f"drawing teapots needs embreex ({error}): pip install embreex; where it has no "
                "wheels (ARM Linux), make the data on another machine"
            ) from error
        self.mesh = mesh
        # Robust: no ray slips through between two triangles.
        self.scene = EmbreeScene(robust=True)
        TriangleMesh(self.scene, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))

    def draw(self, scenes: Scenes) -> np.ndarray:
        """Pictures [n, 64, 64, 3], uint8; the background is 255."""
        return np.stack([self._draw(*scene) for scene in self._seen_from_the_mesh(scenes)])

    def _seen_from_the_mesh(self, scenes):
        turn = scenes.rotation.transpose(0, 2, 1)
        light = np.einsum("nij,nj->ni", turn, scenes.light)
        return zip(turn @ camera(scenes.elevation), light, scenes.colour, strict=True)

    def _draw(self, axes, light, colour):
        picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
        window = self._window(axes)
        rays = self._rays(window) @ axes.T.astype(np.float32)
        origin = np.broadcast_to(-DISTANCE * axes[:, 2].astype(np.float32), rays.shape)
        found = self.scene.run(np.ascontiguousarray(origin), rays, output=1)
        hit = found["primID"] >= 0
        values = np.ones((len(rays), 3))
        shade = self._shade(light, found, hit)
        values[hit] = np.minimum(shade[:, None] * colour, 1)
        pixels = values.reshape(-1, len(SAMPLES), 3).mean(axis=1)
        rows, columns = window
        shape = (rows.stop - rows.start, columns.stop - columns.start, 3)
        picture[rows, columns] = np.rint(255 * pixels).reshape(shape)
        return picture

    def _window(self, axes):
        """The rows and columns of pixels that the mesh can touch."""
        x, y, z = axes.T @ self.mesh.vertices.T
        z = z + DISTANCE
        window = []
        for places in (y, x):
            places = SIZE / 2 + FOCAL * places / z
            first, last = np.clip([places.min() - 1, places.max() + 2], 0, SIZE).astype(int)
            window.append(slice(first, max(last, first + 1)))
        return window

    def _rays(self, window):
        """Directions [rows * columns * samples, 3] in the camera's axes, float32."""
        rows, columns = (np.arange(part.start, part.stop) for part in window)
        rays = np.ones((len(rows), len(columns), len(SAMPLES), 3), np.float32)
        rays[..., 0] = (columns[:, None] + SAMPLES[:, 0] - SIZE / 2) / FOCAL
        rays[..., 1] = (rows[:, None, None] + SAMPLES[:, 1] - SIZE / 2) / FOCAL
        return rays.reshape(-1, 3)

    def _shade(self, light, found, hit):
        """How bright the colour is where rays hit: computed at the vertices, interpolated."""
        at_vertices = DIFFUSE * np.maximum(self.mesh.normals @ light, 0) + AMBIENT
        a, b, c = at_vertices[self.mesh.faces[found["primID"][hit]]].T
        u, v = found["u"][hit], found["v"][hit]
        return a + u * (b - a) + v * (c - a)
