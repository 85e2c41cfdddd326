"""The pages for readers: links lead somewhere, the front page is short, every page is listed."""

import re

import pytest

from tests.experiments import ROOT

PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "results" / "README.md",
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page):
    """Return the anchors of a page's headings, as Markdown renderers make them."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_index_lists_every_page():
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index


def test_the_front_page_shows_the_scores_of_the_results():
    def rows(page):
        lines = (ROOT / page).read_text().splitlines()
        cells = [[cell.strip() for cell in line.split("|")] for line in lines]
        return [row for row in cells if len(row) == 13 and row[1] in ("ours", "paper")]

    shown = rows("README.md")
    assert {row[1] for row in shown} == {"ours", "paper"}
    assert all(row in rows("results/README.md") for row in shown)
