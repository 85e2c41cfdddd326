"""Triangle meshes for the teapots data sets: Newell's teapot, or one from a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from disentanglement.errors import UserError, os_errors_in_one_line

# A side view of the teapot then spans 40 pixels; beyond 0.1458 m the frame would cut things off.
REACH = 0.1027
_TEAPOT = Path(__file__).with_name("utah_teapot.txt")
_SEGMENTS = 8  # of a patch's side


@dataclass(frozen=True)
class Mesh:
    """vertices [V, 3] in metres, z up; faces [T, 3], counter-clockwise from outside; unit normals
    [V, 3], which point outwards.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray


def teapot(segments: int = _SEGMENTS) -> Mesh:
    """Newell's Utah teapot, each of its 32 bicubic Bezier patches cut into segments^2 squares."""
    vertices, faces = tessellate(*_read_patches(), segments)
    return place(vertices, faces)


def load(path: Path, say=print) -> Mesh:
    """A mesh, z up, from an OBJ or PLY file (or what else trimesh reads), placed like the teapot.

    say: called with one line if the mesh is not a closed surface. Raises UserError if the file
    cannot be read or holds no triangles.
    """
    import trimesh

    with os_errors_in_one_line(path):
        path.open("rb").close()
    try:
        found = trimesh.load_mesh(path, process=False)
    except Exception as error:  # each reader fails in its own ways
        raise UserError(
            f"{path}: not a mesh that can be read ({error or type(error).__name__}): give an OBJ "
            "or PLY file"
        ) from error
    vertices, faces = (np.asarray(getattr(found, key, ())) for key in ("vertices", "faces"))
    if not np.isfinite(vertices).all():
        raise UserError(f"{path}: its vertices hold NaN or infinity")
    vertices = vertices.reshape(-1, 3)
    size = np.abs(vertices - vertices[:1]).max(initial=0)  # trimesh merges what is 1e-8 apart
    vertices = vertices / size if size > 0 else vertices
    found = trimesh.Trimesh(vertices, faces.reshape(-1, 3), process=True)
    found.merge_vertices(merge_tex=True, merge_norm=True)
    found.update_faces(found.nondegenerate_faces())
    found.remove_unreferenced_vertices()
    if not len(found.faces):
        raise UserError(f"{path}: holds no triangles of any size: is it a cloud of points?")
    if found.is_watertight and found.is_winding_consistent:
        if found.volume < 0:
            found.invert()
    else:
        say(
            f"note: {path} is not a closed surface with one inside: it is drawn as it is, lit from "
            "the side that its triangles show counter-clockwise"
        )
    return place(found.vertices, found.faces)


def place(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """The mesh centred on the mean of its vertices, turned by -90 degrees about z, and scaled so
    that its farthest vertex is REACH from there; normals are area-weighted.
    """
    vertices = vertices - vertices.mean(axis=0)
    x, y, z = vertices.T
    vertices = np.stack([y, -x, z], axis=1)
    vertices *= REACH / np.linalg.norm(vertices, axis=1).max()
    return Mesh(vertices, np.asarray(faces), vertex_normals(vertices, faces))


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3]: the mean of the adjacent faces' normals, weighted by area."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normals = np.zeros_like(vertices)
    for corner in faces.T:
        np.add.at(normals, corner, np.cross(b - a, c - a))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(length == 0, 1, length)


def tessellate(patches: np.ndarray, points: np.ndarray, segments: int):
    """Vertices [V, 3] and faces [T, 3] of bicubic Bezier patches.

    patches: numbers of control points [P, 4, 4]; points [n, 3]. Equal vertices become one, and
    triangles that lose their area by it are dropped. The teapot's patches wind inwards: here two
    corners of each triangle are swapped.
    """
    t = np.linspace(0, 1, segments + 1)
    bernstein = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    surface = np.einsum("ui,vj,pijx->puvx", bernstein, bernstein, points[patches])
    number = np.arange(surface[..., 0].size).reshape(surface.shape[:3])
    a, b = number[:, :-1, :-1].ravel(), number[:, 1:, :-1].ravel()
    c, d = number[:, 1:, 1:].ravel(), number[:, :-1, 1:].ravel()
    faces = np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)])
    _, first, place = np.unique(
        surface.reshape(-1, 3).round(6), axis=0, return_index=True, return_inverse=True
    )
    faces = place.reshape(-1)[faces]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return surface.reshape(-1, 3)[first], faces[whole]


def _read_patches():
    lines = [line for line in _TEAPOT.read_text().splitlines() if not line.startswith("#")]
    count = int(lines[0])
    patches = np.array([line.split() for line in lines[1 : count + 1]], np.int64)
    points = np.array([line.split() for line in lines[count + 2 :]], np.float64)
    return patches.reshape(-1, 4, 4), points
