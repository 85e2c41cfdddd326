"""Sheets: tiles with borders, gaps and captions."""

import numpy as np
import pytest

from disentanglement import sheet
from tests.pictures import WHITE, frame, has_text, places, read

TITLE = ["a model on data", "what it shows"]


def tiles(seed, channels, n=3, height=16, width=20):
    shape = (n, height, width, channels)
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def pixels_of(picture):
    pixels = np.asarray(picture)
    return pixels.reshape(*pixels.shape[:2], -1)


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_keep_their_pixels_and_have_one_border_and_gaps(channels):
    rows = [sheet.Row(tiles(seed, channels), "label", apart=seed == 1) for seed in (0, 1)]
    pixels = pixels_of(sheet.draw(TITLE, rows))
    found = []
    for row in rows:
        for tile in row.tiles:
            (place,) = places(pixels, tile)
            found.append(place)
            (border,) = np.unique(frame(pixels, place, tile, 1))
            assert 0 < border < WHITE
            assert (frame(pixels, place, tile, 2) == WHITE).all()
    # Rows and columns are straight, and a row that stands apart is further away.
    tops, lefts = np.array(found).reshape(2, 3, 2).transpose(2, 0, 1)
    assert (tops == tops[:, :1]).all()
    assert (lefts == lefts[:1]).all()
    down, right = tops[1, 0] - tops[0, 0] - 16, np.diff(lefts[0]) - 20
    assert (right == right[0]).all()
    assert down > right[0]


def test_a_white_tile_is_told_apart_from_the_page():
    white = np.full((2, 8, 8, 3), WHITE, np.uint8)
    pixels = pixels_of(sheet.draw([" "], [sheet.Row(white)]))
    assert (pixels != WHITE).sum() == 2 * (10 * 10 - 8 * 8) * 3


def test_labels_headings_and_the_title_are_written():
    row = tiles(0, 1, width=64)
    plain = pixels_of(sheet.draw([" "], [sheet.Row(row)]))
    (top, left) = places(plain, row[0])[0]
    assert not has_text(plain[: top - 1])
    assert not has_text(plain[:, : left - 1])
    captioned = sheet.Row(row, "label", ["-1", "", "1"], "code_0 =")
    pixels = pixels_of(sheet.draw(TITLE, [captioned]))
    (top, left) = places(pixels, row[0])[0]
    above = pixels[top - 14 : top - 1, left:].reshape(13, -1)
    columns = [above[:, (64 + 5) * i : (64 + 5) * i + 64] for i in range(3)]
    assert [has_text(column) for column in columns] == [True, False, True]
    assert has_text(pixels[top - 14 : top - 1, : left - 1])  # the axis
    assert has_text(pixels[top : top + 16, : left - 1])  # the label
    assert has_text(pixels[: top - 14])  # the title


def test_long_texts_are_not_cut_off():
    row = tiles(0, 1, n=1)
    pixels = pixels_of(sheet.draw(["a title that is longer than the only tile"], [sheet.Row(row)]))
    assert pixels.shape[1] > 200
    assert not has_text(pixels[:, -4:])
    labelled = pixels_of(sheet.draw([" "], [sheet.Row(row, "a label of a row that is long")]))
    assert not has_text(labelled[:, :4])


def test_a_file_says_what_it_shows(tmp_path):
    row = sheet.Row(tiles(0, 3))
    sheet.save(tmp_path / "a.png", sheet.draw(TITLE, [row]), TITLE)
    pixels, info = read(tmp_path / "a.png")
    assert info["Description"] == "a model on data; what it shows"
    assert len(places(pixels, row.tiles[1])) == 1


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0, "0"), (0.111, "0.11"), (-1.0, "-1"), (np.float32(-0.78), "-0.78")]
)
def test_numbers(value, text):
    assert sheet.number(value) == text
