"""Whose turn it is where more wait than can be checked: places without failures come before the others."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
import trio

from spoold.identity.turns import FIRST, MAX_OVERTAKEN, Turns, ranked
from spoold.model.errors import Busy


@dataclass
class Queue:
    """Turns with somebody inside who stays, and what became of the others."""

    nursery: trio.Nursery
    turns: Turns
    leave: trio.Event = field(default_factory=trio.Event)
    went: list[str] = field(default_factory=list)
    sent_away: list[str] = field(default_factory=list)

    async def occupy(self) -> None:
        """Have the one turn, until `leave`."""

        async def stay() -> None:
            async with self.turns.turn():
                await self.leave.wait()

        self.nursery.start_soon(stay)
        await trio.testing.wait_all_tasks_blocked()

    async def arrive(self, name: str, rank: int) -> trio.CancelScope:
        """Have somebody wait; who that is gives up when the scope is cancelled."""
        scope = trio.CancelScope()

        async def go() -> None:
            with scope, ranked(rank):
                try:
                    async with self.turns.turn():
                        self.went.append(name)
                except Busy:
                    self.sent_away.append(name)

        self.nursery.start_soon(go)
        await trio.testing.wait_all_tasks_blocked()
        return scope

    async def drain(self) -> None:
        self.leave.set()
        await trio.testing.wait_all_tasks_blocked()


@pytest.fixture
async def queue(nursery: trio.Nursery) -> Queue:
    made = Queue(nursery, Turns(at_once=1, waiting=3))
    await made.occupy()
    return made


async def test_the_lowest_rank_goes_first_then_the_order_of_arrival(queue: Queue) -> None:
    for name, rank in (("two failures", 2), ("none", 0), ("none, later", 0)):
        await queue.arrive(name, rank)
    await queue.drain()
    assert queue.went == ["none", "none, later", "two failures"]


async def test_where_there_is_no_room_whoever_stands_last_goes(queue: Queue) -> None:
    for name, rank in (("a", 1), ("b", 5), ("c", 1), ("first", FIRST), ("late", 1)):
        await queue.arrive(name, rank)
    assert queue.sent_away == ["b", "late"]
    await queue.drain()
    assert queue.went == ["first", "a", "c"]


async def test_nobody_is_overtaken_for_ever(queue: Queue) -> None:
    await queue.arrive("guesser", 1)
    for number in range(MAX_OVERTAKEN):
        (await queue.arrive(f"comes and goes {number}", 0)).cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert not queue.sent_away
    await queue.arrive("one more", 0)
    assert queue.sent_away == ["guesser"]


async def test_whoever_gives_up_leaves_the_queue_and_the_turn_to_others(queue: Queue) -> None:
    scope = await queue.arrive("gives up", 0)
    await queue.arrive("waits", 1)
    scope.cancel()
    await queue.drain()
    assert queue.went == ["waits"]
    await queue.arrive("later", 9)
    assert queue.went == ["waits", "later"]


async def test_a_turn_that_comes_as_somebody_gives_up_is_passed_on(queue: Queue) -> None:
    scope = await queue.arrive("gives up", 0)
    await queue.arrive("waits", 1)
    queue.leave.set()
    # In the same step of the loop: the turn is given before, or after, whoever has it has gone.
    scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    await queue.arrive("later", 2)
    assert [name for name in queue.went if name != "gives up"] == ["waits", "later"]


async def test_as_many_go_at_once_as_may(nursery: trio.Nursery) -> None:
    turns, inside, most = Turns(at_once=2, waiting=10), Counter[str](), 0

    async def go() -> None:
        nonlocal most
        async with turns.turn():
            inside["now"] += 1
            most = max(most, inside["now"])
            await trio.lowlevel.checkpoint()
            inside["now"] -= 1

    async with trio.open_nursery() as everybody:
        for _ in range(12):
            everybody.start_soon(go)
    assert (most, inside["now"]) == (2, 0)
    assert not nursery.child_tasks
