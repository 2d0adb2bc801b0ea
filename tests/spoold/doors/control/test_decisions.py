"""Deciding by command: the job that is meant is decided, and where two could be meant, none is."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from trio.testing import MockClock

from spoold.doors.control.decisions import COMMANDS
from spoold.doors.control.parts import ControlParts
from spoold.model.errors import NotFound
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.records.verify import ChainReport
from spoold.runtime.limits import DaemonLimits
from tests.support import release_house
from tests.support.ipp_door import KnownPeople
from tests.support.release_house import House, open_house

RUN = {command.name: command.run for command in COMMANDS}


def parts_of(house: House) -> ControlParts:
    """Parts of a control socket that has a desk for decisions."""

    async def verify() -> ChainReport:
        return ChainReport(0, "", None, "")

    async def read(_last: int, _kind: str) -> list[dict[str, Any]]:
        return []

    async def check(_read_fraction: float) -> dict[str, Any]:
        return {}

    return ControlParts(
        identity=KnownPeople(house),
        desk=house.desk,
        clock=house.clock,
        limits=DaemonLimits(),
        verify_audit=verify,
        read_audit=read,
        check_store=check,
        status=dict,
        decisions=house.decisions,
    )


async def states(house: House, *jobs: Job) -> list[JobState]:
    """Return the states of jobs as they are now."""
    return [(await house.job(job)).state for job in jobs]


@pytest.mark.parametrize(("command", "ends"), [("approve", JobState.HELD), ("refuse", JobState.ABORTED)])
async def test_a_beginning_that_fits_several_decides_none(
    command: str,
    ends: JobState,
    tmp_path: Path,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = "01a205ea"
    ids = iter([JobId(UUID(f"{shared}{place:024x}")) for place in (1, 2)])
    monkeypatch.setattr(release_house, "new_job_id", lambda: next(ids))
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        tom = await house.account("tom", "teachers")
        one, other = [await house.wants(await house.add_job(ana), "teachers") for _ in range(2)]
        parts, reason = parts_of(house), {"reason": "Two are enough."}
        with pytest.raises(NotFound, match=f"'{shared}' is not one job but the beginning of 2"):
            await RUN[command](parts, tom, {"job": shared} | reason)
        waits = JobState.WAITING_APPROVAL
        assert await states(house, one, other) == [waits, waits]
        await RUN[command](parts, tom, {"job": str(other.number)} | reason)
        assert await states(house, one, other) == [waits, ends]
        # Of what still waits it is the beginning of one.
        await RUN[command](parts, tom, {"job": shared.upper()} | reason)
        assert await states(house, one, other) == [ends, ends]
