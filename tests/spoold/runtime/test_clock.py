"""Durations do not depend on the wall clock, and a step of the wall clock is noticed."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from spoold.runtime.clock import ClockStepDetector, SystemClock, boot_id
from tests.support.clock import START, FakeClock


def test_system_clock_is_aware_and_counts_suspends() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= clock.monotonic_s() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_fake_clock_moves_both_hands_or_one() -> None:
    clock = FakeClock()
    clock.advance(90)
    clock.step_wall(-3600)
    assert clock.now() == START + timedelta(seconds=90 - 3600)
    assert clock.monotonic_s() == 1090.0
    with pytest.raises(ValueError, match="step_wall"):
        clock.advance(-1)


@pytest.mark.parametrize("days", [-20, 2000])
def test_a_step_is_seen_once_with_its_size(days: int) -> None:
    clock = FakeClock()
    detector = ClockStepDetector(clock)
    clock.advance(60)
    clock.step_wall(days * 86_400)
    assert detector.observe() == pytest.approx(days * 86_400)
    clock.advance(60)
    assert detector.observe() == 0.0


def test_drift_within_the_tolerance_is_no_step() -> None:
    clock = FakeClock()
    detector = ClockStepDetector(clock)
    clock.advance(3600)
    clock.step_wall(1.0)
    assert detector.observe() == 0.0
    clock.step_wall(1.001)
    assert detector.observe() == pytest.approx(1.001)


def test_boot_id_prefers_what_the_unit_hands_over(tmp_path: Path) -> None:
    path = tmp_path / "boot_id"
    path.write_text("A9AE7C28-4782-4744-a0be-fb7558e01a87\n")
    assert boot_id({}, path) == "a9ae7c2847824744a0befb7558e01a87"
    assert boot_id({"SPOOLD_BOOT_ID": "0123-4567"}, path) == "01234567"


def test_unreadable_boot_id_is_never_the_same_twice(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert boot_id({}, missing) != boot_id({}, missing)
