"""Sockets at rest: served where they are, woken up when there is more to do, forgotten when cancelled."""

import functools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from protocols.readiness import MAX_EVENTS, Readiness

ENOUGH_S = 60.0


@asynccontextmanager
async def running() -> AsyncIterator[Readiness]:
    readiness = Readiness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readiness.run)
        with trio.fail_after(ENOUGH_S):
            yield readiness
        nursery.cancel_scope.cancel()


@dataclass
class Ends:
    """Two connected sockets; what was served of ours is in `seen`."""

    ours: socket.socket
    theirs: socket.socket
    seen: list[bytes] = field(default_factory=list)

    def wake_at(self, *words: bytes) -> Callable[[], bool]:
        """Return what takes whatever comes and wakes the task up at one of `words`."""

        def serve() -> bool:
            self.seen.append(self.ours.recv(100))
            return self.seen[-1] in words

        return serve


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield Ends(ours, theirs)
    ours.close()
    theirs.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await trio.lowlevel.checkpoint()


async def test_a_socket_is_served_again_and_again_without_waking_its_task(ends: Ends) -> None:
    woken = False

    async def wait(readiness: Readiness) -> None:
        nonlocal woken
        await readiness.wait(ends.ours, ends.wake_at(b"enough"))
        woken = True

    async with running() as readiness, trio.open_nursery() as nursery:
        nursery.start_soon(wait, readiness)
        for number in range(3):
            ends.theirs.send(b"%d" % number)
            await until(lambda: len(ends.seen) > number)  # noqa: B023 - awaited within the turn
            assert not woken
        ends.theirs.send(b"enough")
        await until(lambda: woken)
        assert ends.seen == [b"0", b"1", b"2", b"enough"]
        assert len(readiness) == 0


async def test_what_came_before_the_wait_is_served(ends: Ends) -> None:
    ends.theirs.send(b"early")
    async with running() as readiness:
        await readiness.wait(ends.ours, ends.wake_at(b"early"))
        ends.theirs.send(b"later")
        await readiness.wait(ends.ours, ends.wake_at(b"later"))
    assert ends.seen == [b"early", b"later"]


async def test_a_shutdown_wakes_up(ends: Ends) -> None:
    async with running() as readiness, trio.open_nursery() as nursery:
        nursery.start_soon(readiness.wait, ends.ours, ends.wake_at(b""))
        await until(lambda: len(readiness) == 1)
        ends.ours.shutdown(socket.SHUT_RD)
    assert ends.seen == [b""]


async def test_a_mistake_while_serving_is_raised_in_the_task_that_waits(ends: Ends) -> None:
    def serve() -> bool:
        raise ValueError("mine")

    ends.theirs.send(b"x")
    async with running() as readiness:
        with pytest.raises(ValueError, match="mine"):
            await readiness.wait(ends.ours, serve)
        assert len(readiness) == 0
        # Others are served as before.
        await readiness.wait(ends.ours, ends.wake_at(b"x"))


async def test_a_cancelled_wait_is_forgotten(ends: Ends) -> None:
    async with running() as readiness:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(readiness.wait, ends.ours, ends.wake_at())
                await until(lambda: len(readiness) == 1)
                scope.cancel()
        assert len(readiness) == 0
        ends.theirs.send(b"for the next one")
        await readiness.wait(ends.ours, ends.wake_at(b"for the next one"))


async def test_a_flood_on_many_sockets_lets_others_run() -> None:
    """Two hundred sockets that are always readable: another task gets its turn after each bounded batch."""
    count, turns = 3 * MAX_EVENTS + 8, 20
    served = 0
    pairs = [socket.socketpair() for _ in range(count)]

    def serve() -> bool:
        nonlocal served
        served += 1  # nothing is taken: it stays readable
        return False

    async with running() as readiness:
        async with trio.open_nursery() as nursery:
            for ours, theirs in pairs:
                theirs.send(b"x")
                nursery.start_soon(readiness.wait, ours, serve)
            await until(lambda: len(readiness) == count)
            most = 0
            for _ in range(turns):
                before = served
                await trio.lowlevel.checkpoint()
                most = max(most, served - before)
            await until(lambda: served > 2 * count)
            nursery.cancel_scope.cancel()
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    # Two turns may lie between two looks, as trio shuffles.
    assert most <= 2 * MAX_EVENTS


async def test_every_one_of_many_is_served_in_turn() -> None:
    """One that is always ready keeps nobody else from being served."""
    loud, quiet = socket.socketpair(), [socket.socketpair() for _ in range(2 * MAX_EVENTS)]
    heard: set[int] = set()

    def hear(number: int) -> bool:
        heard.add(number)
        return True

    async with running() as readiness, trio.open_nursery() as nursery:
        loud[1].send(b"x")
        nursery.start_soon(readiness.wait, loud[0], lambda: False)
        for number, (ours, theirs) in enumerate(quiet):
            theirs.send(b"x")
            nursery.start_soon(readiness.wait, ours, functools.partial(hear, number))
        await until(lambda: len(heard) == len(quiet))
        nursery.cancel_scope.cancel()
    for one in (*loud, *(end for both in quiet for end in both)):
        one.close()
