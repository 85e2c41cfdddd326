"""Made-up codes and factors with known answers, for the metrics' tests."""

import itertools

import numpy as np

from disentanglement.data import factors

SIZES = (3, 4, 5, 6, 8)  # none over the 20 bins of a code, so that identity codes lose nothing


def grid(sizes=SIZES):
    """Every combination of factor classes [N, F] once: factors are exactly independent."""
    return np.array(list(itertools.product(*map(range, sizes))))


def arrays(encode, sizes=SIZES, groups=50, seed=0):
    """All arrays that metrics take, for encode(classes [n, F]) -> codes [n, K]."""
    rng = np.random.default_rng(seed)
    rows, labels = factors.draw_groups(rng, sizes, groups, 40)
    classes = grid(sizes)
    return {
        "group_codes": encode(rows.reshape(-1, len(sizes))).reshape(groups, 40, -1),
        "group_labels": labels,
        "reference_codes": encode(classes),
        "codes": encode(classes),
        "factors": 2.0 * classes - 1,
        "factor_ids": classes,
        "continuous": np.ones(len(sizes), bool),
    }


def identity(classes):
    return classes.astype(float)


def constant(classes):
    return np.full((len(classes), classes.shape[1]), 0.1)


def mixed(classes):
    """Codes that mix the factors, the same for the same classes."""
    rng, f = np.random.default_rng(5), classes.shape[1]
    return classes @ rng.normal(0, 1, (f, 4)) + np.sin(3 * classes[:, np.arange(4) % f])
