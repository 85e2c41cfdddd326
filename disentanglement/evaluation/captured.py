"""Which factor a code captures, for the labels of traversals."""

import numpy as np

from disentanglement.evaluation.score_records import Record

SHARE = 0.1  # a code must tell at least this part of the factor's entropy ...
LEAD = 2.0  # ... and this many times as large a part as of any other factor


def captured_factors(record: Record) -> list[str | None]:
    """Return the name of the factor that each code captures; None where that is not clear.

    It is clear if the mutual information of the code and the factor, as a part of the factor's
    entropy, is at least `SHARE`, and at least `LEAD` times that of the code and any other factor.
    Several codes may capture one factor.

    Args:
        record: A score record; the list is empty if it holds no MIG or no factor names.
    """
    names, parts = _information(record)
    return [_captured(row, names) for row in parts]


def best_factors(record: Record) -> list[tuple[str, float]]:
    """Return the factor that each code tells most about, and which part of its entropy.

    Args:
        record: A score record; the list is empty if it holds no MIG or no factor names.
    """
    names, parts = _information(record)
    return [(names[row.argmax()], float(row.max())) for row in parts]


def _information(record: Record) -> tuple[list[str], np.ndarray]:
    """Return the factors' names, and the part of each one's entropy that each code tells: [K, F].

    Both are empty if the record does not say.
    """
    try:
        evidence = record["metrics"]["mig"]["evidence"]
        names = record["protocol"]["factors"]
        information = np.array(evidence["mutual_information"], dtype=float)  # [K, F], nats
        with np.errstate(divide="ignore", invalid="ignore"):  # a factor that never varies
            parts = information / np.array(evidence["entropy"], dtype=float)
    except (KeyError, TypeError, ValueError):
        return [], np.empty((0, 0))
    if parts.ndim != 2 or parts.shape[1] != len(names):
        return [], np.empty((0, 0))
    return names, np.nan_to_num(parts, nan=0.0, posinf=0.0, neginf=0.0)


def _captured(row: np.ndarray, names: list[str]) -> str | None:
    best = int(row.argmax())
    others = np.delete(row, best)
    clear = row[best] >= SHARE and (row[best] >= LEAD * others).all()
    return names[best] if clear else None
