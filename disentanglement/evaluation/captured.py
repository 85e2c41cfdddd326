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
    try:
        evidence = record["metrics"]["mig"]["evidence"]
        names = record["protocol"]["factors"]
        information = np.array(evidence["mutual_information"], dtype=float)  # [K, F], nats
        parts = information / np.array(evidence["entropy"], dtype=float)
    except (KeyError, TypeError, ValueError):
        return []
    if parts.ndim != 2 or parts.shape[1] != len(names):
        return []
    return [_captured(row, names) for row in parts]


def _captured(row: np.ndarray, names: list[str]) -> str | None:
    best = int(row.argmax())
    others = np.delete(row, best)
    clear = row[best] >= SHARE and (row[best] >= LEAD * others).all()
    return names[best] if clear else None
