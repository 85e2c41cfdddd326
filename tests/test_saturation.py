"""A discriminator that is certain: the losses stay finite, as in the paper's formulas."""

import numpy as np
import pytest

from disentanglement.algorithms.infogan_cr import EPS
from disentanglement.training import feed
from tests import tiny


@pytest.mark.parametrize(
    ("bias", "certain"), [(100, "discriminator/fake"), (-200, "generator/fake")]
)
def test_losses_of_a_saturated_discriminator(bias, certain):
    """D = 1 or D = 0 for every image: -log(0 + eps) = 18.4, in a compiled step, too.

    A graph optimiser may rewrite (1 - D) + eps as (1 + eps) - D, which is 0 in float32.
    """
    model = tiny.build()
    model.connect(feed.Feed(tiny.Bars(), on_device=False))
    head = model.discriminator.get_layer("real")
    head.bias.assign(np.full(1, bias))
    report = model.train_block(np.arange(4)[None], 0)
    assert report[certain][0] == pytest.approx(-np.log(EPS), rel=1e-5)
    assert all(np.isfinite(value).all() for value in report.values())
    for variable in (*model.discriminator.variables, *model.generator.variables):
        assert np.isfinite(np.asarray(variable)).all(), variable.path
