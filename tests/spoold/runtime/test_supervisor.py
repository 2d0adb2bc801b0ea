"""Services start in order, end in the opposite order, and a crash of one ends all with status 1."""

import math
from collections.abc import Callable

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from spoold.runtime.supervisor import Service, Supervisor


class Recorder:
    """Makes services that write down what happens to them."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def service(self, name: str, *, drain_s: float | None = None, drain_fails: bool = False) -> Service:
        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            self.events.append(f"start {name}")
            await trio.sleep(1)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self.events.append(f"end {name}")

        async def drain() -> None:
            self.events.append(f"drain {name}")
            if drain_fails:
                message = "disk on fire"
                raise OSError(message)
            await trio.sleep(drain_s or 0)
            self.events.append(f"drained {name}")

        return Service(name, run, drain if drain_s is not None or drain_fails else None)


def supervisor(recorder: Recorder, drain_timeout_s: float = 30.0) -> Supervisor:
    return Supervisor(
        drain_timeout_s=drain_timeout_s,
        on_ready=lambda: recorder.events.append("ready"),
        on_stopping=lambda reason: recorder.events.append(f"stopping: {reason}"),
    )


async def run_and_stop(
    one: Supervisor, services: list[Service], after_s: float, then: Callable[[], None]
) -> int:
    status = -1

    async def run() -> None:
        nonlocal status
        status = await one.run(services)

    with trio.fail_after(1000), capture_logs():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(after_s)
            then()
    return status


async def test_start_in_order_and_end_in_the_opposite_order(autojump_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()
    one = supervisor(recorder)
    services = [recorder.service("store"), recorder.service("door", drain_s=5)]
    assert await run_and_stop(one, services, 10, lambda: one.stop("SIGTERM")) == 0
    assert recorder.events == [
        "start store",
        "start door",
        "ready",
        "stopping: SIGTERM",
        "drain door",
        "drained door",
        "end door",
        "end store",
    ]


async def test_a_drain_that_hangs_is_cut_at_the_deadline(autojump_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()
    one = supervisor(recorder, drain_timeout_s=7)
    services = [recorder.service("store"), recorder.service("door", drain_s=math.inf)]
    before = trio.current_time()
    assert await run_and_stop(one, services, 10, lambda: one.stop("SIGTERM")) == 0
    assert trio.current_time() - before == pytest.approx(17)
    assert "drained door" not in recorder.events
    assert recorder.events[-1] == "end store"


async def test_a_crash_is_logged_once_and_ends_all_with_status_1(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder = Recorder()
    one = supervisor(recorder)

    async def crash(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep(5)
        message = "unexpected"
        raise RuntimeError(message)

    with capture_logs() as logs, trio.fail_after(1000):
        status = await one.run([recorder.service("store"), Service("door", crash)])
    assert status == 1
    crashes = [entry for entry in logs if entry["event"] == "service crashed"]
    assert len(crashes) == 1
    assert crashes[0]["service"] == "door"
    assert isinstance(crashes[0]["exc_info"], RuntimeError)
    assert recorder.events[-2:] == ["stopping: door crashed", "end store"]


async def test_a_crash_before_readiness_starts_nothing_more(autojump_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()
    one = supervisor(recorder)

    async def crash(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(1)
        message = "no key"
        raise OSError(message)

    services = [recorder.service("store"), Service("keys", crash), recorder.service("door")]
    with capture_logs(), trio.fail_after(1000):
        assert await one.run(services) == 1
    assert recorder.events == ["start store", "stopping: keys crashed", "end store"]


async def test_a_service_that_returns_by_itself_is_a_crash(autojump_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()

    with capture_logs() as logs, trio.fail_after(1000):
        assert await supervisor(recorder).run([Service("door", run)]) == 1
    assert "service ended by itself" in [entry["event"] for entry in logs]


async def test_a_stop_while_starting_is_obeyed_at_once(autojump_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()
    one = supervisor(recorder)

    async def slow(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(3600)
        task_status.started()

    before = trio.current_time()
    services = [recorder.service("store"), Service("recovery", slow), recorder.service("door")]
    assert await run_and_stop(one, services, 10, lambda: one.stop("SIGTERM")) == 0
    assert trio.current_time() - before == pytest.approx(10)
    assert recorder.events == ["start store", "stopping: SIGTERM", "end store"]


async def test_a_failed_drain_does_not_keep_the_others_from_theirs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder = Recorder()
    one = supervisor(recorder)
    services = [recorder.service("store", drain_s=1), recorder.service("door", drain_fails=True)]
    assert await run_and_stop(one, services, 10, lambda: one.stop("SIGTERM")) == 1
    assert "drained store" in recorder.events


async def test_a_crash_while_draining_still_shows_in_the_status(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder = Recorder()
    one = supervisor(recorder)

    async def crash_later(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep(12)
        message = "late"
        raise RuntimeError(message)

    services = [Service("store", crash_later), recorder.service("door", drain_s=5)]
    assert await run_and_stop(one, services, 10, lambda: one.stop("SIGTERM")) == 1


async def test_all_doors_begin_to_drain_before_any_has_ended(autojump_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()
    one = supervisor(recorder)
    services = [
        recorder.service("store"),
        recorder.service("ipp", drain_s=3),
        recorder.service("web", drain_s=5),
    ]
    before = trio.current_time()
    assert await run_and_stop(one, services, 10, lambda: one.stop("SIGTERM")) == 0
    assert trio.current_time() - before == pytest.approx(15)
    drains = recorder.events.index("stopping: SIGTERM") + 1
    assert set(recorder.events[drains : drains + 2]) == {"drain web", "drain ipp"}
    assert recorder.events[drains + 2 :] == ["drained ipp", "drained web", "end web", "end ipp", "end store"]
