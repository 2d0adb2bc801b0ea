"""The daemon's bounds hang together."""

import dataclasses

import pytest

from spoold.runtime.limits import GIB, DaemonLimits


def test_every_bound_is_positive() -> None:
    limits = DaemonLimits()
    for field in dataclasses.fields(limits):
        assert getattr(limits, field.name) > 0, field.name


@pytest.mark.parametrize(
    ("total", "required"),
    [(1 * GIB, 1 * GIB), (20 * GIB, 1 * GIB), (40 * GIB, 2 * GIB), (1000 * GIB, 50 * GIB)],
)
def test_the_larger_of_fraction_and_floor_stays_free(total: int, required: int) -> None:
    assert DaemonLimits().required_free_bytes(total) == required


def test_hashing_leaves_a_core_free_where_there_is_one() -> None:
    assert DaemonLimits().hash_workers >= 1
