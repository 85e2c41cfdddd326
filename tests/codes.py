"""Synthetic codes and factors for the metrics' tests."""

import itertools

import numpy as np

from disentanglement.data import factors

SIZES = (3, 4, 5, 6, 8)  # at most the 20 bins of a code: identity codes lose no information


def grid(sizes=SIZES):
    """Return every combination of factor classes once, [N, F]: factors are exactly independent."""
    return np.array(list(itertools.product(*map(range, sizes))))


def arrays(encode, sizes=SIZES, groups=50, seed=0):
    """Return all arrays that metrics take, for encode(classes [n, F]) -> codes [n, K]."""
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
    """Return four codes that each mix all factors."""
    rng, f = np.random.default_rng(5), classes.shape[1]
    return classes @ rng.normal(0, 1, (f, 4)) + np.sin(3 * classes[:, np.arange(4) % f])
