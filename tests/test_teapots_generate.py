"""Generating sets of teapots: content, equal bytes in every way of making them, user mistakes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import trimesh

from disentanglement.data.teapots import command, generate, mesh
from disentanglement.data.teapots.generate import METRIC, TRAIN, TeapotSet
from disentanglement.data.teapots.render import Renderer
from disentanglement.data.teapots.variants import ALL_COLOR, FIXED_COLOR, VARIANTS
from disentanglement.errors import UserError
from disentanglement.streams import stream
from tests import pictures
from tests.experiments import ROOT

FILES = (TRAIN, METRIC)
SMALL = TeapotSet(FIXED_COLOR, train=1100, groups=4, seed=3)
QUIET = {"say": lambda line: None}


def script(variant):
    return ROOT / "3D_teapot" / f"generate_teapots_{variant.name}.py"


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teapots")
    generate.generate(SMALL, folder, **QUIET)
    return folder


def test_content_of_a_set(generated):
    with np.load(generated / TRAIN, allow_pickle=False) as train:
        assert set(train.files) == {"imgs", "latents", "factor_names"}
        images, latents = train["imgs"], train["latents"]
        assert train["factor_names"].tolist() == ["gamma", "beta", "alpha"]
    assert (images.shape, images.dtype) == ((1100, 64, 64, 3), np.uint8)
    assert (latents.shape, latents.dtype) == ((1100, 3), np.float64)
    chosen = [0, 499, 500, 1099]  # both sides of the edge between parts
    rendered = Renderer(mesh.teapot()).render(FIXED_COLOR.scenes(latents[chosen]))
    np.testing.assert_array_equal(images[chosen], rendered)
    with np.load(generated / METRIC, allow_pickle=False) as metric:
        assert set(metric.files) == {"imgs", "labels", "factor_names"}
        assert metric["imgs"].shape == (4, 100, 64, 64, 3)
        assert metric["labels"].tolist() == [0, 1, 2, 0]
    about = json.loads((generated / "about.json").read_text())
    assert (about["variant"], about["train"], about["seed"]) == (FIXED_COLOR.name, 1100, 3)
    assert {path.name for path in generated.iterdir()} == {
        ".lock", "about.json", "metric_data", "train_data",
    }  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_groups_share_only_their_factor(variant):
    groups, labels = generate.metric_latents(TeapotSet(variant))
    count = len(variant.factor_names)
    assert groups.shape == (variant.groups, 100, count)
    assert labels.tolist() == [i % count for i in range(variant.groups)]
    for group, label in zip(groups, labels, strict=True):
        distinct = [len(set(column)) for column in group.T]
        assert distinct == [1 if j == label else 100 for j in range(count)]
    assert len(set(groups[::count, 0, 0])) == len(groups[::count])
    train = generate.train_latents(TeapotSet(variant, train=5000))
    low, high = np.array(variant.sweeps).T
    assert (train >= low).all()
    assert (train <= high).all()
    np.testing.assert_allclose(train.min(axis=0), low, atol=0.1)
    np.testing.assert_allclose(train.max(axis=0), high, atol=0.1)


def test_bytes_depend_on_the_seed_but_not_on_the_workers(generated, tmp_path):
    generate.generate(SMALL, tmp_path / "two", workers=2, **QUIET)
    generate.generate(TeapotSet(FIXED_COLOR, 1100, 4, seed=4), tmp_path / "seed", **QUIET)
    for name in FILES:
        assert (tmp_path / "two" / name).read_bytes() == (generated / name).read_bytes()
        assert (tmp_path / "seed" / name).read_bytes() != (generated / name).read_bytes()


def test_resume_after_kill_9(generated, tmp_path):
    """After a kill, the same command renders the missing parts, to the same bytes."""
    out = tmp_path / "set"
    words = [sys.executable, script(FIXED_COLOR), "--out", out, "--workers", "1"]
    words += ["--train", "1100", "--groups", "4", "--seed", "3"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = out / ".parts" / "train_data" / "000000.npz"
    while not first.exists() and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / TRAIN).exists()
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "1,500 images rendered" in result.stdout
    for name in FILES:
        assert (out / name).read_bytes() == (generated / name).read_bytes()
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "already complete; its checksums are right" in again.stdout


def test_finished_parts_are_not_rendered_again(tmp_path, monkeypatch):
    spec = TeapotSet(FIXED_COLOR, train=600, groups=3)

    def full(*arguments):
        raise UserError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(generate, "_merge_parts", full)
        with pytest.raises(UserError):
            generate.generate(spec, tmp_path, **QUIET)
    monkeypatch.setattr(generate, "_render_part", lambda *a: pytest.fail("rendered a second time"))
    generate.generate(spec, tmp_path, **QUIET)
    assert all((tmp_path / name).exists() for name in FILES)


def test_parts_left_by_a_kill_at_the_very_end_are_removed(generated, tmp_path):
    """Killed when everything was written but the parts still existed."""
    out = shutil.copytree(generated, tmp_path / "set")
    shutil.copytree(generated, out / ".parts", ignore=shutil.ignore_patterns("*.npz"))
    generate.generate(SMALL, out, **QUIET)
    assert not (out / ".parts").exists()
    assert (out / TRAIN).read_bytes() == (generated / TRAIN).read_bytes()


def test_other_sets_are_never_overwritten(generated, tmp_path):
    with pytest.raises(UserError, match="holds another set: its seed is 3, here it is 0"):
        generate.generate(TeapotSet(FIXED_COLOR, 1100, 4), generated, **QUIET)
    with pytest.raises(UserError, match="its variant is 'fixed_color"):
        generate.generate(TeapotSet(ALL_COLOR, 1100, 4, 3), generated, **QUIET)
    (tmp_path / TRAIN).parent.mkdir()
    (tmp_path / TRAIN).write_bytes(b"precious")
    with pytest.raises(
        UserError, match=r"train_data/data.npz exists and was not made by this command"
    ):
        generate.generate(SMALL, tmp_path, **QUIET)
    assert (tmp_path / TRAIN).read_bytes() == b"precious"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_file_is_noticed_and_can_be_made_again(generated, tmp_path, name, damage):
    out = shutil.copytree(generated, tmp_path / "set")
    content = bytearray((out / name).read_bytes())
    if damage == "truncated":
        del content[-1000:]
    else:
        content[len(content) // 2] ^= 255
    (out / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: damaged .*: move it away and run the same") as e:
        generate.generate(SMALL, out, **QUIET)
    assert "\n" not in str(e.value)
    assert (out / name).read_bytes() == content
    if damage == "truncated" and name == METRIC:  # what the message says; once is enough
        (out / name).rename(tmp_path / "away.npz")
        generate.generate(SMALL, out, **QUIET)
        assert (out / name).read_bytes() == (generated / name).read_bytes()


@pytest.mark.parametrize(
    ("workers", "limit", "where"),
    [
        (1, 100_000, ".parts/train_data/000000.npz"),
        (2, 100_000, ".parts/"),
        (1, 500_000, "set/train_data/data.npz"),  # the parts fit, the whole does not
    ],
)
def test_a_full_disk_is_one_line(tmp_path, workers, limit, where):
    """A full disk is imitated by the file size limit of the process."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (HERE, HERE))\n"
        "from pathlib import Path\n"
        "from disentanglement.data.teapots import command, variants\n"
        "sys.exit(command.main(variants.FIXED_COLOR, Path(), sys.argv[1:]))\n"
    )
    code = code.replace("HERE", str(limit))
    words = ["--out", tmp_path / "set", "--train", "600", "--groups", "3"]
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--workers", str(workers)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if "error" in line]
    assert "cannot read or write" in line
    assert where in line
    assert "Traceback" not in result.stderr


# ---- meshes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["obj", "ply"])
def test_a_mesh_from_a_file(tmp_path, kind):
    """An inverted box is turned to face outwards, centred and scaled."""
    box = trimesh.creation.box((1, 4, 2))
    box.apply_translation((10, 0, 0))
    box.invert()
    path = tmp_path / f"box.{kind}"
    box.export(path)
    said = []
    found = mesh.load(path, said.append)
    assert said == []
    assert len(found.vertices) == 8
    np.testing.assert_allclose(np.linalg.norm(found.vertices, axis=1), mesh.RADIUS, rtol=1e-6)
    assert (np.sign(found.normals) == np.sign(found.vertices)).all()
    # Turned by -90 degrees about z: its length, along y, now runs along x.
    assert np.ptp(found.vertices, axis=0).argmax() == 0


def test_the_size_of_a_mesh_does_not_matter(tmp_path):
    found = []
    for scale in (1e-12, 1, 1e9):
        box = trimesh.creation.box((1, 4, 2))
        text = "".join(f"v {x!r} {y!r} {z!r}\n" for x, y, z in (scale * box.vertices).tolist())
        text += "".join(f"f {a} {b} {c}\n" for a, b, c in (box.faces + 1).tolist())
        (tmp_path / "box.obj").write_text(text)
        found.append(mesh.load(tmp_path / "box.obj"))
    for other in found[1:]:
        np.testing.assert_allclose(other.vertices, found[0].vertices, atol=1e-9)


def test_an_open_mesh_is_rendered_with_a_note(tmp_path):
    box = trimesh.creation.box()
    box.update_faces(np.arange(12) > 1)
    box.export(tmp_path / "open.ply")
    said = []
    found = mesh.load(tmp_path / "open.ply", said.append)
    assert "is not a closed surface" in said[0]
    assert len(found.faces) == 10
    image = Renderer(found).render(FIXED_COLOR.scenes(np.zeros((1, 3))))[0]
    assert (image < 255).any()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.obj", None, "cannot read or write .*absent.obj"),
        ("text.obj", "hello", "text.obj: "),
        ("text.ply", "hello", "text.ply: cannot be read as a mesh"),
        ("text.xyz9", "hello", "text.xyz9: cannot be read as a mesh"),
        ("empty.obj", "", "empty.obj: "),
        ("points.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "points.obj: "),
        ("flat.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "flat.obj: holds no triangles"),
        ("inf.obj", "v inf 0 0\nv 1 0 0\nv 2 0 1\nf 1 2 3\n", "inf.obj: its vertices contain NaN"),
        ("nan.obj", "v nan 0 0\nv 1 0 0\nv 2 0 1\nf 1 2 3\n", "nan.obj: "),
    ],
)
def test_bad_meshes_are_one_line(tmp_path, capsys, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message) as error:
        mesh.load(tmp_path / name)
    assert "\n" not in str(error.value)
    arguments = ["--out", tmp_path / "set", "--mesh", tmp_path / name]
    assert command.main(ALL_COLOR, tmp_path, list(map(str, arguments))) == 2
    assert not (tmp_path / "set" / ".parts").exists()


def test_a_set_with_another_mesh_is_another_set(tmp_path):
    trimesh.creation.box((1, 4, 2)).export(tmp_path / "box.ply")
    spec = TeapotSet(FIXED_COLOR, 5, 3, mesh=tmp_path / "box.ply")
    generate.generate(spec, tmp_path / "box", workers=2, **QUIET)
    with pytest.raises(UserError, match="its mesh is"):
        generate.generate(TeapotSet(FIXED_COLOR, 5, 3), tmp_path / "box", **QUIET)


# ---- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_a_preview(variant, tmp_path):
    path = tmp_path / "sheet.png"
    words = [sys.executable, script(variant), "--preview", path]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert variant.factor_names[-1] in result.stdout
    pixels, info = pictures.read(path)
    assert f"{variant.name}, seed 0" in info["Description"]
    renderer = Renderer(mesh.teapot())
    drawn = variant.sample(stream(0, "contact sheet"), 39)
    ((above, _),) = pictures.places(pixels, renderer.render(variant.scenes(drawn[38:]))[0])
    assert pictures.has_text(pixels[above : above + 64, :90])  # "random images"
    # Then a row for each latent, from its first to its last value: its name, and headings above.
    for j, sweep in enumerate(variant.sweeps):
        ends = np.tile(variant.base, (2, 1))
        ends[:, j] = sweep
        first, last = renderer.render(variant.scenes(ends))
        starts, stops = (pictures.places(pixels, tile) for tile in (first, last))
        top = min(top for top, _ in starts if top > above)
        left = min(x for y, x in starts if y == top)
        assert max(x for y, x in stops if y == top) - left > 12 * 64
        assert pictures.has_text(pixels[top : top + 64, : left - 1])
        assert pictures.has_text(pixels[top - 14 : top - 1, left : left + 64])
        above = top
