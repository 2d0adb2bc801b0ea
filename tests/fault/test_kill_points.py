"""The short form of the kill harness; `make kill-points` runs the long one."""

from collections import Counter
from pathlib import Path

from tests.fault.kill_points import ipp_printer, run, spread
from tests.support.parts import need_program

POINTS = 16


def test_a_kill_at_any_call_loses_nothing_and_prints_nothing_twice(tmp_path: Path) -> None:
    """Whatever call the process dies at: acknowledged jobs are there, paper had its grant, once."""
    report = run(POINTS, tmp_path)
    assert report.bad == []
    assert report.points >= POINTS
    assert report.killed > POINTS // 2
    assert report.acknowledged > 0


def test_a_kill_while_printing_over_ipp_prints_nothing_twice(tmp_path: Path) -> None:
    """With a real printer at the other end the same holds: what it put out had its grant, once."""
    need_program("ippeveprinter")
    need_program("dbus-daemon")
    with ipp_printer() as printer:
        report = run(POINTS, tmp_path, printer=printer)
    assert report.bad == []
    assert report.killed > POINTS // 2


def test_points_are_spread_over_all_kinds() -> None:
    """No kind of call is left out, and no point is chosen twice."""
    chosen = list(spread(Counter({"fsync": 3, "pwrite64": 500, "rename": 1}), 60))
    assert len(chosen) == len(set(chosen)) == 60
    assert Counter(syscall for syscall, _ in chosen) == {"rename": 1, "fsync": 3, "pwrite64": 56}
    assert max(nth for _, nth in chosen) <= 500
