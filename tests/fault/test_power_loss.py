"""The short form of the power-loss harness; `make power-loss` runs the long one."""

from pathlib import Path

import pytest

from tests.fault.power_loss import LEAST_ACKNOWLEDGED, Mutant, run, runs_until_caught
from tests.support.parts import need_program, need_root

RUNS = 4
# A missing directory fsync shows in about a third of the cuts; this many make a miss a one in ten thousand
# million. A mutant that is noticed costs no more of them for it.
MAX_RUNS_TO_CATCH = 60


@pytest.fixture(name="_loop_devices", autouse=True)
def _need_loop_devices() -> None:
    need_root("loop file systems")
    need_program("mkfs.ext4")


@pytest.mark.root
def test_acknowledged_jobs_survive_a_power_cut(tmp_path: Path) -> None:
    """Everything a client was told is there after the disk forgot what it was not told to keep."""
    report = run(RUNS, tmp_path)
    assert report.bad == []
    assert report.acknowledged >= LEAST_ACKNOWLEDGED * RUNS


@pytest.mark.root
@pytest.mark.parametrize("mutant", [one for one in Mutant if one is not Mutant.NONE])
def test_the_harness_sees_a_missing_fsync(tmp_path: Path, mutant: Mutant) -> None:
    """A daemon that skips a step of the commit order is caught; otherwise the test above means nothing."""
    runs = runs_until_caught(mutant, tmp_path, MAX_RUNS_TO_CATCH)
    assert runs is not None, f"{mutant} was not caught in {MAX_RUNS_TO_CATCH} power cuts"
