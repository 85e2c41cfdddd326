"""Scores of different data sets or protocols stand in tables of their own."""

import csv

import numpy as np
import pytest
from PIL import Image

from disentanglement import records
from disentanglement.data.dsprites.dataset import DSprites
from disentanglement.evaluation import evaluate, paper, table
from disentanglement.evaluation.protocols import ImageProtocol
from tests.scores import PAPERS, SCORES, cells, read_tables, save_record

COLOURED = {
    "dataset": "Teapots",
    "images": 200_000,
    "groups": 500,
    "group_size": 100,
    "reference": 20_000,
    "sample": 20_000,
    "factors": ["azimuth", "elevation", "red", "green", "blue"],
}
SHAPES = {
    "group_codes": [500, 100, 7],
    "group_labels": [500],
    "reference_codes": [73_728, 7],
    "codes": [73_728, 7],
    "factors": [73_728, 5],
}
FACES = {
    "random_feature_frechet.distance": 1.0449,
    "random_feature_frechet.floor": 0.0131,
    "random_feature_kid.distance": 0.00123,
    "dhsic": 0.1,
}
COLUMNS = [
    "FactorVAE", "DCI (RF, IB-GAN)", "SAP", "Explicitness", "Modularity", "MIG", "BetaVAE",
]  # fmt: skip
MAIN = (
    "**dSprites, the paper's protocol**: 737,280 images, 500 groups of 100, 73,728 reference "
    "images, 73,728 sample images, factors shape, scale, orientation, posX, posY"
)
TEAPOTS = "3D teapots (azimuth, elevation, red, green, blue; 200,000 images)"


def shown(capsys, folder, *options):
    capsys.readouterr()
    assert table.main([str(folder), *map(str, options)]) == 0
    return read_tables(capsys.readouterr().out)


@pytest.fixture
def mixed(tmp_path):
    """Records of one model by every kind of protocol, and what must tell them apart."""
    for run, shift in enumerate((0.0, 0.02)):
        scores = {name: score + shift for name, score in SCORES.items()}
        save_record(tmp_path / f"papers-{run}.json", scores=scores, run=run)
    few = PAPERS | {"groups": 50, "sample": 7_372}
    save_record(tmp_path / "few.json", few, run=2)
    save_record(tmp_path / "teapots.json", COLOURED, run=3)
    save_record(tmp_path / "small_teapots.json", COLOURED | {"images": 20_000}, run=4)
    faces = {"dataset": "StandInFaces", "images": 20_000, "reference": 2_000}
    save_record(tmp_path / "faces.json", faces, FACES, run=5)
    celeba = {"dataset": "CelebA", "images": 202_599, "reference": 10_000}
    save_record(tmp_path / "celeba.json", celeba, FACES, run=6)
    save_record(tmp_path / "arrays.json", {"arrays": SHAPES}, {"mig": 0.5}, name="codes")
    save_record(tmp_path / "none.json", None, {"mig": 0.6, "sap": float("nan")}, name="old")
    return tmp_path


HEADINGS = [
    MAIN,
    "**dSprites, not comparable with the paper**: 50 groups of 100, 7,372 sample images "
    "(the paper: 500 groups of 100, 73,728 sample images)",
    "**3D teapots (azimuth, elevation, red, green, blue; 20,000 images)**: "
    "500 groups of 100, 20,000 reference images, 20,000 sample images",
    f"**{TEAPOTS}**: 500 groups of 100, 20,000 reference images, 20,000 sample images",
    "**CelebA**: 202,599 images, 10,000 reference images",
    "**stand-in faces**: 20,000 images, 2,000 reference images",
    "**Data set unknown, not comparable with the paper**: 500 groups of 100, 73,728 reference "
    "images, 73,728 sample images, 5 factors; the rows may be of different data sets",
    "**Data set unknown, not comparable with the paper**: protocol unknown; the rows may be of "
    "different data sets",
]


def test_each_data_set_and_protocol_has_a_table_under_a_heading_that_says_so(mixed, capsys):
    tables, notes = shown(capsys, mixed)
    assert list(tables) == HEADINGS
    main, *others = tables.values()
    assert [row[0] for row in main[1:]] == ["ours", *["paper"] * len(paper.SCORES), *["quoted"] * 8]
    assert main[1][:5] == ["ours", "InfoGAN-CR", "9", "2", "0.11 ± 0.01"]
    assert [[row[:4] for row in rows[1:]] for rows in others] == [
        *[[["ours", "InfoGAN-CR", "9", "1"]]] * 5,
        [["ours", "codes", "9", "1"]],
        [["ours", "old", "9", "1"]],
    ]
    assert others[-1][1][4:] == ["", "", "", "", "", "0.60", ""]  # SAP is NaN
    assert [note.partition(":")[0] for note in notes] == [
        "DCI (RF, IB-GAN)", "quoted", "Data set unknown",
    ]  # fmt: skip
    assert "dci_rf_ibgan" in notes[0]
    assert "protocols differ" in notes[1]
    assert "save_codes" in notes[2]


def test_faces_have_columns_of_their_own(mixed, capsys):
    tables, _ = shown(capsys, mixed)
    for heading, (names, *rows) in tables.items():
        if "faces" in heading or "CelebA" in heading:
            assert names[4:] == [
                "Frechet (random features)", "Frechet floor", "KID (random features)",
            ]  # fmt: skip
            assert [row[4:] for row in rows] == [["1.04", "0.0131", "0.00123"]]
        else:
            assert names[4:] == COLUMNS


@pytest.mark.parametrize(
    "change",
    [
        {"images": 73_728},
        {"groups": 50},
        {"group_size": 10},
        {"reference": 7_372},
        {"sample": 7_372},
        {"factors": ["shape", "scale"]},
        {"dataset": "Teapots"},
        {"dataset": None},
    ],
    ids=str,
)
def test_rows_of_different_protocols_are_never_averaged(tmp_path, change):
    save_record(tmp_path / "a.json", run=0)
    save_record(tmp_path / "b.json", run=1)
    save_record(tmp_path / "c.json", PAPERS | change, run=2)
    found = table.find_records([tmp_path])
    main, other = table.compare(found)
    assert [row.runs for row in main.rows if row.source == "ours"] == [2]
    assert [(row.source, row.runs) for row in other.rows] == [("ours", 1)]
    # Nor if all records are taken for those of one table.
    assert sorted(row.runs for row in table.rows(list(found.values()))) == [1, 2]


def save_own(folder, name, run, fingerprint=None):
    """Write a record of `LabelledImages` with this fingerprint."""
    path = folder / f"{name}.json"
    protocol = {"dataset": "LabelledImages", "images": 9, "factors": ["size"]}
    save_record(path, protocol, run=run)
    if fingerprint is not None:
        records.save(
            folder, records.read(folder, path.name) | {"fingerprint": fingerprint}, path.name
        )


@pytest.mark.parametrize("key", ["images_checksum", "metric_data"])
def test_runs_on_different_images_are_never_averaged(tmp_path, key):
    usual = {"images": [1, 2], "images_checksum": "a", "metric_data": "b", "codes": [[0.5], [1]]}
    save_own(tmp_path, "a", 0, usual)
    save_own(tmp_path, "b", 1, usual)
    save_own(tmp_path, "c", 2, usual | {key: "other"})
    save_own(tmp_path, "d", 3)  # may be of either
    (only,) = table.compare(table.find_records([tmp_path]))
    assert sorted(row.runs for row in only.rows) == [1, 1, 2]
    names = {row.model for row in only.rows}
    assert len(names) == 3
    assert "InfoGAN-CR (data unknown)" in names


def test_fingerprints_of_other_images_and_none_do_not_part_runs(tmp_path):
    save_own(tmp_path, "a", 0, {"images": [1, 2], "images_checksum": "a", "codes": []})
    save_own(tmp_path, "b", 1, {"images": [0, 3], "images_checksum": "b", "codes": []})
    save_own(tmp_path, "c", 2)
    (only,) = table.compare(table.find_records([tmp_path]))
    assert [(row.model, row.runs) for row in only.rows] == [("InfoGAN-CR", 3)]


@pytest.mark.parametrize(
    ("protocol", "difference"),
    [
        (PAPERS, None),
        (PAPERS | {"arrays": SHAPES}, None),
        (PAPERS | {"groups": 50}, "50 groups of 100"),
        (PAPERS | {"sample": 7_372}, "7,372 sample images"),
        (
            PAPERS | {"images": 100, "reference": 10, "factors": ["shape"]},
            "100 images, 10 reference images, factors shape",
        ),
        ({k: v for k, v in PAPERS.items() if k != "group_size"}, "groups unknown"),
        ({"dataset": "DSprites"}, "protocol unknown"),
        ({"dataset": "DSprites", "arrays": SHAPES}, "images unknown, 5 factors"),
        (PAPERS | {"images": "all", "factors": 5}, "images unknown, factors unknown"),
        (PAPERS | {"groups": True}, "groups unknown"),
        ({"dataset": "CelebA"}, "on CelebA"),
        ({"dataset": "Bars"}, "on Bars"),
        (COLOURED, f"on {TEAPOTS}"),
        ({"arrays": SHAPES}, "data set unknown"),
        ({"dataset": ["DSprites"]}, "data set unknown"),
        ({}, "data set unknown"),
        (None, "data set unknown"),
        ("the paper's", "data set unknown"),
    ],
    ids=str,
)
def test_how_a_protocol_differs_from_the_papers(protocol, difference):
    assert paper.difference(ImageProtocol.of({"protocol": protocol})) == difference


def test_a_record_without_a_protocol_follows_none():
    assert paper.difference(ImageProtocol.of({"scores": {}})) == "data set unknown"


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        (SHAPES, "500 groups of 100, 73,728 reference images, 73,728 sample images, 5 factors"),
        ({"codes": [9, 2], "factor_ids": [9, 3]}, "9 sample images, 3 factors"),
        ({"group_codes": [500, 100], "codes": "many"}, "protocol unknown"),
        ([500, 100, 7], "protocol unknown"),
    ],
    ids=str,
)
def test_what_the_shapes_of_arrays_tell(shapes, text):
    assert ImageProtocol.of({"protocol": {"arrays": shapes}}).text() == text


def test_the_papers_protocol_is_the_one_that_evaluation_follows():
    dataset = DSprites(np.zeros((0, 512), np.uint8))  # choosing images needs none of them
    images = evaluate.draw_images(dataset, evaluate.metric_stream(0))
    assert evaluate.describe(dataset, images) == PAPERS
    assert ImageProtocol.of({"protocol": PAPERS}) == paper.PROTOCOL


def test_only_other_data_leave_out_the_papers_rows(tmp_path, capsys):
    save_record(tmp_path / "teapots.json", COLOURED)
    save_record(tmp_path / "bars.json", {"dataset": "Bars", "images": 64})
    tables, _ = shown(capsys, tmp_path)
    assert list(tables) == [HEADINGS[3], "**Bars**: 64 images"]


@pytest.mark.parametrize("protocol", [PAPERS | {"groups": 50}, {"arrays": SHAPES}, None])
def test_the_papers_rows_are_shown_apart_where_the_data_may_be_the_same(tmp_path, capsys, protocol):
    save_record(tmp_path / "scores.json", protocol)
    (main, other), _ = shown(capsys, tmp_path)
    assert main == f"{MAIN}; none of our scores is by it"
    assert "not comparable with the paper" in other


def test_namesakes_are_those_of_the_same_table(tmp_path, capsys):
    save_record(tmp_path / "a.json", run=0, config={"info_coe_de": 0.05})
    save_record(tmp_path / "b.json", COLOURED, run=0, config={"info_coe_de": 0.2})
    tables, _ = shown(capsys, tmp_path)
    assert [rows[1][1] for rows in tables.values()] == ["InfoGAN-CR"] * 2


def test_sets_without_names_of_factors_count_them(tmp_path, capsys):
    save_record(tmp_path / "c.json", COLOURED | {"factors": ["latent_0", "latent_1"]})
    ((heading, _),) = shown(capsys, tmp_path)[0].items()
    assert heading.startswith("**3D teapots (2 latents; 200,000 images)**: 500 groups of 100")


def test_one_checkpoint_by_two_protocols_is_no_copy(tmp_path, capsys):
    for name, groups in (("a", 500), ("b", 50), ("c", 50)):
        save_record(tmp_path / f"{name}.json", PAPERS | {"groups": groups}, checkpoint="abc")
    assert [path.stem for path in table.find_records([tmp_path])] == ["a", "b"]
    assert "c.json: a copy of" in capsys.readouterr().err


def test_csv_says_data_set_and_protocol_of_each_row(mixed, tmp_path, capsys):
    out = tmp_path / "out" / "table.csv"
    shown(capsys, mixed, "--csv", out)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    comparable = [row for row in rows if row["protocol"] == "paper"]
    assert len(comparable) == 1 + len(paper.SCORES)
    assert {row["data_set"] for row in comparable} == {"dSprites"}
    assert float(comparable[0]["FactorVAE"]) == pytest.approx(0.11)
    assert float(comparable[0]["DCI"]) == pytest.approx(0.21)  # names of columns stay
    numbers = ("data_set", "images", "groups", "group_size", "reference", "sample")
    quoted = [row for row in rows if row["source"] == "quoted"]
    assert {name: quoted[1][name] for name in ("model", "protocol", "groups", "DCI", "SAP")} == {
        "model": "beta-VAE", "protocol": "", "groups": "", "DCI": "0.41", "SAP": "0.55",
    }  # fmt: skip
    others = [[row[name] for name in numbers] for row in rows[len(comparable) + len(quoted) :]]
    assert others == [
        ["dSprites", "737280", "50", "100", "73728", "7372"],
        [TEAPOTS.replace("200,", "20,"), "20000", "500", "100", "20000", "20000"],
        [TEAPOTS, "200000", "500", "100", "20000", "20000"],
        ["CelebA", "202599", "", "", "10000", ""],
        ["stand-in faces", "20000", "", "", "2000", ""],
        ["unknown", "", "500", "100", "73728", "73728"],
        ["unknown", "", "", "", "", ""],
    ]
    assert rows[-1]["protocol"] == "protocol unknown"
    faces = next(row for row in rows if row["data_set"] == "stand-in faces")
    assert float(faces["random_feature_frechet.distance"]) == 1.0449
    assert faces["FactorVAE"] == ""


def test_the_text_in_a_readme_has_all_tables(mixed, tmp_path, capsys):
    readme, (begin, end) = tmp_path / "README.md", table._MARKS
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    printed = shown(capsys, mixed, "--readme", readme)
    before, text, after = readme.read_text().replace(end, begin).split(begin)
    assert (before, after) == ("before\n", "\nafter\n")
    assert read_tables(text) == printed


def test_the_picture_has_a_block_for_each_table(mixed, tmp_path, capsys, monkeypatch):
    from matplotlib.figure import Figure

    drawn, save = [], Figure.savefig

    def note(figure, *arguments, **options):
        drawn.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", note)
    out = tmp_path / "table.png"
    shown(capsys, mixed, "--picture", out)
    (figure,) = drawn
    titles = [block.get_suptitle().replace("\n", " ") for block in figure.subfigs]
    assert titles == [heading.replace("**", "") for heading in HEADINGS]
    panels = [[panel.get_title() for panel in block.axes] for block in figure.subfigs]
    assert panels[0] == COLUMNS
    assert panels[5] == ["Frechet (random features)", "Frechet floor", "KID (random features)"]
    assert [len(block.axes[0].get_yticks()) for block in figure.subfigs] == [
        1 + len(paper.SCORES) + len(paper.QUOTED),
        *[1] * 7,
    ]
    with Image.open(out) as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10


def test_markdown_columns_are_aligned(mixed, capsys):
    capsys.readouterr()
    assert table.main([str(mixed)]) == 0
    block: list[str] = []
    for line in capsys.readouterr().out.splitlines():
        block = [*block, line] if line.startswith("|") else []
        assert len(set(map(len, block))) <= 1
        assert len({len(cells(row)) for row in block}) <= 1
