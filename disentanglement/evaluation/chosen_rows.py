"""The rows of tables that are single runs, chosen without labels (main_model_centrality.py)."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.evaluation.protocols import ImageProtocol
from disentanglement.evaluation.score_records import Record
from disentanglement.evaluation.table_rows import Row, rows

# By the names of the files that hold the choices.
METHODS = {
    "model_centrality.json": "ModelCentrality",
    "udr_lasso.json": "UDR Lasso",
    "udr_spearman.json": "UDR Spearman",
}


def chosen_rows(found: Mapping[Path, Record], protocol: ImageProtocol) -> list[Row]:
    """Return a row for each choice among runs, if the chosen run has scores by this protocol.

    A choice is in the folder that the runs' folders are in.

    Args:
        found: Records by file.
        protocol: The protocol of the table.
    """
    result = []
    for path, record in found.items():
        if "global_id" in path.name or ImageProtocol.of(record) != protocol:
            continue
        for file, method in METHODS.items():
            if count := _chosen_among(path, record, file):
                (row,) = rows([record], protocol.name)
                # All weights of FactorVAE compete with each other, as in the paper.
                model = re.sub(r" \([\d.]+\)$", "", row.model)
                name = f"{model}, chosen by {method} (of {count})"
                result.append(dataclasses.replace(row, model=name))
    return result


def _chosen_among(path: Path, record: Record, file: str) -> int:
    """Return among how many runs the run of this record was chosen; 0 if it was not."""
    folder = path.parent
    try:
        choice = records.read(folder.parent, file)
    except UserError:  # whoever makes the next choice will report it
        return 0
    models = choice.get("models")
    if choice.get("chosen") != folder.name or not isinstance(models, list):
        return 0
    mine = next((m for m in models if isinstance(m, dict) and m.get("name") == folder.name), {})
    known, scored = mine.get("checkpoint"), record["model"].get("checkpoint")
    return len(models) if known is None or known == scored else 0
