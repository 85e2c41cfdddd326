"""Score records for the tests of tables, and the tables that are printed."""

from disentanglement import records
from disentanglement.evaluation import paper

SCORES = {score: 0.1 * i for i, score in enumerate(paper.COLUMNS.values(), start=1)}

# What a record on dSprites says of its images; numbers of their own, not paper.PROTOCOL's.
PAPERS = {
    "dataset": "DSprites",
    "images": 737_280,
    "groups": 500,
    "group_size": 100,
    "reference": 73_728,
    "sample": 73_728,
    "factors": ["shape", "scale", "orientation", "posX", "posY"],
}


def save_record(path, protocol=PAPERS, scores=SCORES, **about):
    """Write a record; without a protocol if that is None."""
    record = {"scores": scores, "model": {"name": "InfoGAN-CR", "batches": 9} | about}
    record |= {} if protocol is None else {"protocol": protocol}
    records.save(path.parent, record, path.name)


def cells(line):
    """Return the cells of a line of a Markdown table."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


def read_tables(text):
    """Return the cells of each row below its heading line, by heading; and the other lines."""
    tables, others = {}, []
    for line in filter(None, text.splitlines()):
        if line.startswith("**"):
            rows = tables[line] = []
        elif line.startswith("|"):
            rows.append(cells(line))
        else:
            others.append(line)
    return {heading: [rows[0], *rows[2:]] for heading, rows in tables.items()}, others
