"""Triangle meshes for the 3D teapots: Newell's teapot, or a mesh from a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from disentanglement.errors import UserError, os_errors_in_one_line

# Metres from the centre to the farthest vertex. A side view of the teapot then spans 40 pixels;
# above 0.1458 m the mesh could extend beyond the frame.
RADIUS = 0.1027
_TEAPOT = Path(__file__).with_name("utah_teapot.txt")
_SEGMENTS = 8  # per side of a patch


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh.

    Attributes:
        vertices: [V, 3], in metres, z up.
        faces: [T, 3], vertex numbers, counter-clockwise as seen from outside.
        normals: [V, 3], unit vectors that point outwards.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray


def teapot(segments: int = _SEGMENTS) -> Mesh:
    """Return Newell's Utah teapot: 32 bicubic Bezier patches, each cut into segments^2 squares."""
    vertices, faces = tessellate(*_read_patches(), segments)
    return place(vertices, faces)


def load(path: Path, say: Callable[[str], None] = print) -> Mesh:
    """Load a mesh, placed like the teapot.

    Args:
        path: An OBJ or PLY file, or another that trimesh reads; z up.
        say: Called with a line for the user if the mesh is not a closed surface.

    Raises:
        UserError: The file cannot be read or holds no triangles.
    """
    import trimesh

    with os_errors_in_one_line(path):
        path.open("rb").close()
    try:
        found = trimesh.load_mesh(path, process=False)
    except Exception as error:  # each of trimesh's readers raises exceptions of its own
        raise UserError(
            f"{path}: cannot be read as a mesh ({error or type(error).__name__}): give an OBJ or "
            "PLY file"
        ) from error
    vertices, faces = (np.asarray(getattr(found, key, ())) for key in ("vertices", "faces"))
    if not np.isfinite(vertices).all():
        raise UserError(f"{path}: its vertices contain NaN or infinity")
    vertices = vertices.reshape(-1, 3)
    # At about unit size, because trimesh merges vertices that are less than 1e-8 apart.
    size = np.abs(vertices - vertices[:1]).max(initial=0)
    vertices = vertices / size if size > 0 else vertices
    found = trimesh.Trimesh(vertices, faces.reshape(-1, 3), process=True)
    found.merge_vertices(merge_tex=True, merge_norm=True)
    found.update_faces(found.nondegenerate_faces())
    found.remove_unreferenced_vertices()
    if not len(found.faces):
        raise UserError(f"{path}: holds no triangles with an area: is it a point cloud?")
    if found.is_watertight and found.is_winding_consistent:
        if found.volume < 0:
            found.invert()
    else:
        say(
            f"note: {path} is not a closed surface, so it is rendered as is; the side from which a "
            "triangle's vertices appear counter-clockwise is taken as outside"
        )
    return place(found.vertices, found.faces)


def place(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """Centre a mesh on the mean of its vertices, turn it by -90 degrees about z, and scale it.

    Its farthest vertex is then RADIUS away from the centre.
    """
    vertices = vertices - vertices.mean(axis=0)
    x, y, z = vertices.T
    vertices = np.stack([y, -x, z], axis=1)
    vertices *= RADIUS / np.linalg.norm(vertices, axis=1).max()
    return Mesh(vertices, np.asarray(faces), vertex_normals(vertices, faces))


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals [V, 3]: the mean normal of the adjacent faces, weighted by area."""
    import trimesh  # slow to import

    a, b, c = vertices[faces].transpose(1, 0, 2)
    by_area = np.cross(b - a, c - a)  # each as long as twice the face's area
    return trimesh.geometry.mean_vertex_normals(len(vertices), faces, by_area)


def tessellate(
    patches: np.ndarray, points: np.ndarray, segments: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut bicubic Bezier patches into triangles.

    Equal vertices are merged, and triangles that this leaves without an area are dropped. The
    patches of the teapot wind inwards, so two corners of each triangle are swapped.

    Args:
        patches: [P, 4, 4], numbers of control points.
        points: [n, 3], the control points.
        segments: Squares along each side of a patch.

    Returns:
        Vertices [V, 3] and faces [T, 3].
    """
    t = np.linspace(0, 1, segments + 1)
    bernstein = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    surface = np.einsum("ui,vj,pijx->puvx", bernstein, bernstein, points[patches])
    number = np.arange(surface[..., 0].size).reshape(surface.shape[:3])
    a, b = number[:, :-1, :-1].ravel(), number[:, 1:, :-1].ravel()
    c, d = number[:, 1:, 1:].ravel(), number[:, :-1, 1:].ravel()
    faces = np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)])
    _, first, merged = np.unique(
        surface.reshape(-1, 3).round(6), axis=0, return_index=True, return_inverse=True
    )
    faces = merged.reshape(-1)[faces]
    has_area = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return surface.reshape(-1, 3)[first], faces[has_area]


def _read_patches() -> tuple[np.ndarray, np.ndarray]:
    lines = [line for line in _TEAPOT.read_text().splitlines() if not line.startswith("#")]
    count = int(lines[0])
    patches = np.array([line.split() for line in lines[1 : count + 1]], np.int64)
    points = np.array([line.split() for line in lines[count + 2 :]], np.float64)
    return patches.reshape(-1, 4, 4), points
