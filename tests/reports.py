"""Folders of runs for the tests of report pages, with everything that a run leaves but weights."""

import numpy as np

from disentanglement import records, sheet
from disentanglement.experiments import states
from tests.scores import PAPERS

FACTORS = PAPERS["factors"]
CONFIG = {
    "run": 0, "epoch": 1, "batch_size": 64, "vis_freq": 100, "vis_num_sample": 4,
    "vis_num_rep": 2, "metric_freq": 100, "output_reverse": False, "max_batches": 200,
    "cr_coe_increase": 2.0, "uniform_not_reg_dim": 5,
}  # fmt: skip


def save_run(folder, number=0, state=states.FINISHED, table=None, picture=None, **config):
    """Write what a run leaves: run.json, metric.csv, traversal.png; its config may have more keys.

    table: the text of metric.csv; picture: the tiles of traversal.png, see `tiles`.
    """
    config = CONFIG | {"run": number} | config
    record = {
        "state": state,
        "started": "2026-01-31T12:00:00",
        "config": config,
        "versions": {"keras": "3.99.0"},
        "hardware": {"cpu": "a CPU", "devices": ["CPU"]},
        "data": {"dataset": "DSprites", "images": 737_280},
    }
    if state == states.FINISHED:
        record |= {"batches": config["max_batches"], "seconds": 100.0}
    records.save(folder, record)
    (folder / "metric.csv").write_text(table or metric_table([0.3, 0.5, 0.7]))
    save_tiles(folder / "traversal.png", tiles() if picture is None else picture)
    return folder


def metric_table(scores, names=("factor_vae",)):
    """Return the text of a metric.csv in which all metrics have the same scores."""
    lines = [",".join(["epoch_id,batch_id,global_id", *names])]
    for i, score in enumerate(scores):
        lines.append(",".join(["0", "-1", str(100 * i - 1), *[str(score)] * len(names)]))
    return "\n".join(lines) + "\n"


def save_scores(folder, name="final_metrics.json", factors=FACTORS, codes=5, **scores):
    """Write a score record with votes and importances, and the config of the run in the folder."""
    matrix = np.eye(codes, len(factors))
    votes = (100 * matrix).astype(int).tolist()
    config = records.read(folder).get("config", {})
    record = {
        "scores": {"factor_vae": 0.75, "mig": 0.25} | scores,
        "skipped": {},
        "model": {"name": "InfoGAN-CR", "run": config.get("run", 0), "batches": 200,
                  "config": {"cr_coe_increase": 2.0}},
        "protocol": PAPERS | {"factors": factors},
        "metrics": {
            "factor_vae": {"evidence": {"votes": votes}},
            "dci_rf_ibgan": {"evidence": {"importance": (0.5 * matrix).tolist()}},
            "mig": {"evidence": {"mutual_information": matrix.tolist(),
                                 "entropy": [1.0] * len(factors)}},
        },
    }  # fmt: skip
    records.save(folder, record, name)


def tiles(rows=5, columns=4, side=16):
    """Return tiles [rows, columns, side, side, 3], each of a colour that tells its place."""
    found = np.zeros((rows, columns, side, side, 3), np.uint8)
    for i in range(rows):
        for j in range(columns):
            found[i, j] = (40 * i, 60 * j, 200)
    return found


def save_tiles(path, found):
    """Draw tiles as runs do, with borders and labels."""
    rows = [sheet.Row(row, f"code_{i}") for i, row in enumerate(found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, sheet.draw(["InfoGAN-CR on dSprites, 200 batches, run 0"], rows), ["title"])
