"""The teapot and its images: independent formulas, a second rasteriser, symmetry, light."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from disentanglement.data.teapots import mesh
from disentanglement.data.teapots.mesh import Mesh
from disentanglement.data.teapots.render import SAMPLES, Renderer
from disentanglement.data.teapots.variants import (
    ALL_COLOR,
    FIXED_COLOR,
    UNIFORM_LIGHT,
    VARIANTS,
    random_direction,
)


@pytest.fixture(scope="module")
def teapot():
    return mesh.teapot()


@pytest.fixture(scope="module")
def renderer(teapot):
    return Renderer(teapot)


def latents(variant, n, seed=0):
    return variant.sample(np.random.default_rng(seed), n)


def octahedron(centre, radius):
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    faces = [[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]]
    return Mesh(centre + radius * corners, np.array(faces), corners)


# ---- the mesh -----------------------------------------------------------------------------------


def test_the_teapot_is_whole_and_faces_outwards(teapot):
    """Its patches leave four open edges: the rim, the lid, and where spout and handle begin."""
    vertices, faces = teapot.vertices, teapot.faces
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    assert len(np.unique(edges, axis=0)) == len(edges)  # neighbours wind the same way
    found, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    assert counts.max() == 2
    open_ends = np.unique(found[counts == 1])
    assert len(open_ends) == (counts == 1).sum()  # they form closed loops
    assert len(faces) == 4032
    assert len(np.unique(vertices.round(7), axis=0)) == len(vertices)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    assert np.linalg.norm(normals, axis=1).min() > 0
    # On the body, outwards is away from the axis.
    body = np.abs(vertices[:, 2] + 0.01) < 0.008
    body &= np.abs(np.hypot(*vertices[:, :2].T) - 0.058) < 0.003
    body &= np.abs(vertices[:, 0]) > 0.02  # not where spout and handle begin
    outwards = (vertices[body, :2] * teapot.normals[body, :2]).sum(axis=1)
    assert body.sum() > 50
    assert (outwards > 0).all()
    np.testing.assert_allclose(np.linalg.norm(teapot.normals, axis=1), 1, rtol=1e-6)


def test_the_teapot_stands_upright_with_its_spout_to_the_viewer(teapot):
    np.testing.assert_allclose(teapot.vertices.mean(axis=0), 0, atol=1e-12)
    radius = np.linalg.norm(teapot.vertices, axis=1)
    assert radius.max() == pytest.approx(mesh.RADIUS)
    assert radius.max() < 0.1458
    x, y, z = teapot.vertices.T
    np.testing.assert_allclose(x.min(), -x.max(), rtol=1e-6)  # symmetric
    assert -y.min() > y.max() > x.max() > z.max()  # spout, handle, body, lid


# ---- pose, camera, light ------------------------------------------------------------------------


X, Z = np.eye(3)[[0, 2]]


def turn_about(axis, angles):
    return Rotation.from_rotvec(np.outer(angles, axis))


def on_screen(points, eye):
    """Return the pixels (column, row) of points [n, 3] seen by an eye that looks at the origin."""
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    seen = points - eye
    depth = seen @ forward
    return 32 + 105 * np.stack([seen @ right, seen @ down], axis=1) / depth[:, None]


def centroid(image):
    inside = (image < 255).any(axis=-1)
    assert inside.sum() >= 4
    weight = 255.0 - image.min(axis=-1)
    rows, columns = np.mgrid[:64, :64] + 0.5
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("variant", [ALL_COLOR, FIXED_COLOR, UNIFORM_LIGHT])
def test_pose_and_camera_against_a_look_at_camera(variant):
    """A small off-centre body appears where rotation vectors and a look-at camera put it."""
    place = np.array([0.05, -0.06, 0.04])
    rows = latents(variant, 20)
    if variant is ALL_COLOR:
        rows[:, 2:] = 0.2
        turns = turn_about(Z, -rows[:, 0])
        eyes = [np.array([0, -0.5 * np.cos(e), 0.5 * np.sin(e)]) for e in rows[:, 1]]
    else:
        gamma, beta, alpha = rows[:, :3].T
        turns = turn_about(Z, -alpha) * turn_about(X, beta) * turn_about(Z, -gamma)
        eyes = [np.array([0, -0.5, 0])] * len(rows)
    images = Renderer(octahedron(place, 0.012)).render(variant.scenes(rows))
    for image, turn, eye in zip(images, turns, eyes, strict=True):
        expected = on_screen(turn.apply(place[None]), eye)[0]
        np.testing.assert_allclose(centroid(image), expected, atol=0.4)


def sphere(radius, rings=48):
    polar, azimuth = np.meshgrid(
        np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij"
    )
    points = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    )
    number = np.arange(polar.size).reshape(polar.shape)
    a, b, c, d = (
        part.ravel()
        for part in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    )
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    points = points.reshape(-1, 3)
    return Mesh(radius * points, faces, points)


def test_light_and_colour_against_an_analytic_sphere():
    """Where the ray of a pixel's centre meets the sphere: c (0.9 max(0, n.l) + 0.5), at most 1."""
    radius, rows = 0.1, latents(UNIFORM_LIGHT, 6, seed=1)
    images = Renderer(sphere(radius)).render(UNIFORM_LIGHT.scenes(rows))
    r, c = np.mgrid[:64, :64] + 0.5
    rays = np.stack([(c - 32) / 105, np.ones_like(c), -(r - 32) / 105], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    eye = np.array([0, -0.5, 0])
    half = rays @ eye
    root = half**2 - (0.25 - radius**2)
    deep = root > 0.0016  # not at the limb, where a pixel is part background
    points = eye + (-half - np.sqrt(np.where(root > 0, root, 0)))[..., None] * rays
    for image, (azimuth, polar) in zip(images, rows[:, 3:], strict=True):
        light = np.array([
            np.sin(azimuth) * np.sin(polar), -np.cos(azimuth) * np.sin(polar), np.cos(polar),
        ])  # fmt: skip
        shade = 0.9 * np.maximum(points @ light / radius, 0) + 0.5
        expected = 255 * np.minimum(shade[..., None] * [0.3, 0.5, 0.9], 1)
        difference = np.abs(image - expected)[deep]
        assert deep.sum() > 1000
        assert np.quantile(difference, 0.99) < 2
        assert difference.max() < 6  # the edge of the shadow is blurred over a pixel
        assert (image[root < -0.0016] == 255).all()


def test_light_from_above_brightens_the_top(renderer):
    upright = np.zeros((2, 5))
    upright[1, 4] = np.pi  # light from below
    above, below = renderer.render(UNIFORM_LIGHT.scenes(upright)).astype(float)
    inside = (above < 255).any(axis=-1)
    middle = np.nonzero(inside)[0].mean()
    top = inside & (np.arange(64)[:, None] < middle)
    bottom = inside & (np.arange(64)[:, None] > middle)
    assert above[top].mean() > above[bottom].mean() + 20
    assert below[top].mean() < below[bottom].mean() - 10
    from_above = renderer.render(FIXED_COLOR.scenes(np.zeros((1, 3))))[0]
    np.testing.assert_array_equal(from_above, above)


def test_directions_are_uniform():
    azimuth, polar = random_direction(np.random.default_rng(0), 100_000)
    assert azimuth.min() >= 0
    assert azimuth.max() < 2 * np.pi
    for values, low, high in ((np.cos(polar), -1, 1), (azimuth, 0, 2 * np.pi)):
        counts = np.histogram(values, 20, (low, high))[0]
        assert np.abs(counts / 5000 - 1).max() < 0.06
    assert abs(np.corrcoef(azimuth, polar)[0, 1]) < 0.02


# ---- whole images -------------------------------------------------------------------------------


def rasterise(body, scene):
    """Test every triangle against every sample, slowly, with a depth buffer in double precision."""
    rotation, elevation, light, colour = (
        scene.rotation[0], scene.elevation[0], scene.light[0], scene.colour[0],
    )  # fmt: skip
    eye = 0.5 * np.array([0, -np.cos(elevation), np.sin(elevation)])
    points, normals = body.vertices @ rotation.T, body.normals @ rotation.T
    # A look-at camera is undefined when it looks straight down, so turn the world instead.
    seen = turn_about(X, [elevation]).apply(points - eye)
    depth = seen[:, 1]
    x, y = 32 + 105 * seen[:, 0] / depth, 32 - 105 * seen[:, 2] / depth
    shade = 0.9 * np.maximum(normals @ light, 0) + 0.5
    columns = (np.arange(64)[:, None] + SAMPLES[:, 0]).ravel()
    rows = (np.arange(64)[:, None] + SAMPLES[:, 1]).ravel()
    sample = np.tile(np.arange(8), 64)
    nearest, value = np.full((64, 64, 8), np.inf), np.full((64, 64, 8, 3), 1.0)
    for face in body.faces:
        ax, bx, cx = x[face]
        ay, by, cy = y[face]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        r = np.arange(max(0, int(y[face].min()) - 1), min(64, int(y[face].max()) + 2))
        c = np.arange(max(0, int(x[face].min()) - 1), min(64, int(x[face].max()) + 2))
        px = columns.reshape(64, 8)[c][None]
        py = rows.reshape(64, 8)[r][:, None]
        wb = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area
        wc = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
        wa = 1 - wb - wc
        inverse = wa / depth[face[0]] + wb / depth[face[1]] + wc / depth[face[2]]
        z = 1 / inverse
        window = np.ix_(r, c, sample[:8])
        front = (wa >= 0) & (wb >= 0) & (wc >= 0) & (z < nearest[window])
        s = z * (
            wa * shade[face[0]] / depth[face[0]]
            + wb * shade[face[1]] / depth[face[1]]
            + wc * shade[face[2]] / depth[face[2]]
        )
        nearest[window] = np.where(front, z, nearest[window])
        lit = np.minimum(s[..., None] * colour, 1)
        value[window] = np.where(front[..., None], lit, value[window])
    return np.rint(255 * value.mean(axis=2)).astype(np.uint8)


@pytest.mark.parametrize("variant", [ALL_COLOR, UNIFORM_LIGHT])
def test_a_second_rasteriser_agrees(variant, teapot, renderer):
    for seed in range(2):
        scene = variant.scenes(latents(variant, 1, seed))
        ours, theirs = renderer.render(scene)[0], rasterise(teapot, scene)
        difference = np.abs(ours.astype(int) - theirs).max(axis=-1)
        assert (theirs < 255).any(axis=-1).sum() > 200
        assert (difference > 1).sum() <= 3  # a sample exactly on an edge may fall either way
        assert difference.max() <= 32


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_the_background_is_white_and_no_pose_touches_the_border(variant, renderer):
    images = renderer.render(variant.scenes(latents(variant, 300)))
    assert images.dtype == np.uint8
    assert images.shape == (300, 64, 64, 3)
    border = np.ones((64, 64), bool)
    border[6:-6, 6:-6] = False
    assert (images[:, border] == 255).all()
    share = (images < 255).any(axis=-1).mean(axis=(1, 2))
    assert share.min() > 0.05
    assert share.max() < 0.25


def coloured(azimuth, elevation):
    return ALL_COLOR.scenes(np.array([[azimuth, elevation, 0.2, 0.4, 0.6]]))


def silhouette(image):
    return (image < 255).any(axis=-1)


def assert_alike(one, other):
    """Compare up to the samples' positions within a pixel, which differ in a mirror image."""
    both = silhouette(one) & silhouette(other)
    assert both.sum() / (silhouette(one) | silhouette(other)).sum() > 0.93
    assert np.abs(one.astype(int) - other)[both].mean() < 4


@pytest.mark.parametrize("elevation", [0, 0.5, np.pi / 2])
def test_the_pot_seen_along_its_spout_is_symmetric(renderer, elevation):
    front = renderer.render(coloured(0, elevation))[0]
    assert_alike(front, front[:, ::-1])
    side = renderer.render(coloured(np.pi / 2, elevation))[0]
    inside = silhouette(side) ^ silhouette(side)[:, ::-1]
    assert inside.sum() > 50  # from the side there are a spout and a handle


def test_seen_from_above_a_turn_turns_the_image(renderer):
    above, turned, quarter = (
        renderer.render(coloured(a, np.pi / 2))[0] for a in (0.3, 0.3 + np.pi, 0.3 + np.pi / 2)
    )
    assert_alike(above, turned[::-1, ::-1])
    # Seen from above, azimuth turns clockwise.
    assert_alike(np.rot90(above, -1), quarter)


def test_the_side_view_is_as_wide_as_in_the_paper(renderer):
    side = silhouette(renderer.render(coloured(np.pi / 2, 0))[0])
    columns = np.flatnonzero(side.any(axis=0))
    assert 39 <= columns[-1] - columns[0] + 1 <= 42
