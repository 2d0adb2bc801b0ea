"""The short form of the kill harness; `make kill-points` runs the long one."""

from collections import Counter
from pathlib import Path

import pytest

from spoold.release.archiving import Kept
from tests.fault.house import copy_of
from tests.fault.kill_points import (
    ARCHIVING,
    inspect_in_child,
    ipp_printer,
    live,
    make_template,
    run,
    spread,
)
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


def test_a_kill_anywhere_leaves_a_whole_copy_of_what_was_printed_and_of_nothing_else(tmp_path: Path) -> None:
    """Jobs that a rule archives: printed and kept are one, and what is kept opens to what was sent."""
    report = run(POINTS, tmp_path, story=ARCHIVING)
    assert report.bad == []
    assert report.killed > POINTS // 2
    assert report.acknowledged > 0


def test_a_daemon_that_keeps_no_copies_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the test before mean something."""
    place = copy_of(make_template(tmp_path / "template", ARCHIVING), tmp_path / "run")
    with monkeypatch.context() as broken:
        broken.setattr(Kept, "write", lambda *_: None)
        lines, killed = live(place, None, ARCHIVING)
    verdict = inspect_in_child(place, lines, look=ARCHIVING.look)
    assert not killed
    assert any("has no copy" in found for found in verdict.lost)


def test_points_are_spread_over_all_kinds() -> None:
    """No kind of call is left out, and no point is chosen twice."""
    chosen = list(spread(Counter({"fsync": 3, "pwrite64": 500, "rename": 1}), 60))
    assert len(chosen) == len(set(chosen)) == 60
    assert Counter(syscall for syscall, _ in chosen) == {"rename": 1, "fsync": 3, "pwrite64": 56}
    assert max(nth for _, nth in chosen) <= 500
