"""When cr_coe and the gap change."""

import pytest

from disentanglement.algorithms.schedule import Schedule


def schedule(**changes):
    keys = {
        "cr_coe_start": 0.0,
        "cr_coe_increase": 2.0,
        "cr_coe_increase_times": 2,
        "cr_coe_increase_batch": 10,
        "gap_start": 1.9,
        "gap_decrease": 1.9,
        "gap_decrease_times": 1,
        "gap_decrease_batch": 25,
    }
    return Schedule(**(keys | changes))


@pytest.mark.parametrize(
    ("batch", "cr_coe", "gap", "rise", "fall"),
    [
        (0, 0, 1.9, 0, 0),
        (9, 0, 1.9, 0, 0),
        (10, 2, 1.9, 1, 0),
        (11, 2, 1.9, 0, 0),
        (20, 4, 1.9, 2, 0),
        (25, 4, 0, 0, 1),
        (30, 4, 0, 0, 0),
        (50, 4, 0, 0, 0),
        (1000, 4, 0, 0, 0),
    ],
)
def test_values_and_events(batch, cr_coe, gap, rise, fall):
    s = schedule()
    assert (s.cr_coe(batch), s.gap(batch)) == (cr_coe, gap)
    assert (s.nth_rise(batch), s.nth_fall(batch)) == (rise, fall)


def test_gap_stops_at_zero():
    s = schedule(gap_start=1.0, gap_decrease=0.7, gap_decrease_times=5, gap_decrease_batch=1)
    assert [round(s.gap(g), 6) for g in range(4)] == [1.0, 0.3, 0.0, 0.0]


def test_idle_until_the_first_rise():
    s = schedule()
    assert [s.is_idle(g) for g in (0, 9, 10, 11)] == [True, True, False, False]


@pytest.mark.parametrize(
    "changes", [{"cr_coe_start": 1.0}, {"cr_coe_increase_times": 0}, {"cr_coe_increase": 0.0}]
)
def test_never_idle(changes):
    """With a contrastive term from the start, or with no rise planned, H is trained."""
    assert not any(schedule(**changes).is_idle(g) for g in range(30))
