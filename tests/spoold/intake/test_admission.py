"""Admission: room on the disk, and how soon a change of it is noticed."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import trio
import trio.testing

from spoold.intake.admission import SPACE_KNOWN_FOR_S, Admission
from spoold.intake.submission import Submission
from spoold.model.errors import Unavailable
from spoold.model.queue import Authentication, Queue, Release
from spoold.runtime.limits import GIB, DaemonLimits

QUEUE = Queue("secure", ("lobby",), True, Authentication.AT_RELEASE, Release.BY_OWNER, timedelta(hours=4))
SUBMISSION = Submission(
    queue=QUEUE, principal=None, requesting_user_name="ada", peer="192.0.2.1", protocol="ipp"
)


@dataclass
class Disk:
    """A disk that counts how often it is asked."""

    free: int | None = 10 * GIB
    total: int = 20 * GIB
    asked: int = 0

    def free_bytes(self) -> int | None:
        self.asked += 1
        return self.free

    def total_bytes(self) -> int:
        return self.total

    def admission(self) -> Admission:
        return Admission(limits=DaemonLimits(), free_bytes=self.free_bytes, total_bytes=self.total_bytes)


async def test_a_full_disk_refuses_and_one_with_room_does_not() -> None:
    Disk(free=1 * GIB).admission().check(SUBMISSION)
    with pytest.raises(Unavailable):
        Disk(free=1 * GIB - 1).admission().check(SUBMISSION)


async def test_a_full_disk_is_known_to_be_full() -> None:
    assert [Disk(free=free).admission().is_full for free in (0, 1 * GIB - 1, 1 * GIB, None)] == [
        True,
        True,
        False,
        False,
    ]


async def test_a_store_without_such_a_bound_is_never_full() -> None:
    Disk(free=None).admission().check(SUBMISSION)


async def test_many_jobs_ask_the_disk_once_and_a_change_is_noticed_after_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    disk = Disk()
    admission = disk.admission()
    for _ in range(100):
        admission.check(SUBMISSION)
    assert disk.asked == 1

    disk.free = 0
    await trio.sleep(SPACE_KNOWN_FOR_S)
    with pytest.raises(Unavailable):
        admission.check(SUBMISSION)

    disk.free = 10 * GIB
    await trio.sleep(SPACE_KNOWN_FOR_S)
    admission.check(SUBMISSION)
    assert disk.asked == 3
