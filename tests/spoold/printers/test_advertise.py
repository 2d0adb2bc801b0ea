"""Queues stay announced whatever happens to Avahi, the bus and the site; nothing of it ends the daemon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from spoold.printers.advertise import LAST_RETRY_S, LOOK_AGAIN_S, Advertiser, EntryState
from spoold.printers.dns_sd import Announcement, Service
from tests.support.fake_avahi import FakeAvahi


@dataclass
class House:
    """An advertiser, what it is to announce, and where."""

    avahi: FakeAvahi = field(default_factory=FakeAvahi)
    wanted: dict[str, Announcement] = field(default_factory=dict)
    enabled: bool = True
    hosts: list[str] = field(default_factory=list)

    def want(self, queue: str, name: str = "", *, txt: bytes = b"ty=x", port: int = 631) -> None:
        services = (Service("_ipp._tcp", port, ("_print",), (txt,)),)
        self.wanted[queue] = Announcement(queue, name or queue.title(), services)

    def rename(self, queue: str, name: str) -> None:
        self.wanted[queue] = replace(self.wanted[queue], name=name)

    def announcements(self, host: str) -> list[Announcement]:
        self.hosts.append(host)
        return list(self.wanted.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Advertiser]:
        """Run until the end of the block, then stop as a drain does."""
        advertiser = Advertiser(
            self.avahi.connect,
            enabled=lambda: self.enabled,
            wanted=self.announcements,
            rename=self.rename,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(advertiser.run)
            await wait_all_tasks_blocked()
            yield advertiser
            advertiser.stop()


@pytest.fixture
def house() -> House:
    one = House()
    one.want("secure")
    return one


async def settle(advertiser: Advertiser) -> None:
    advertiser.look()
    await wait_all_tasks_blocked()


async def test_what_is_wanted_is_announced_and_withdrawn_at_the_end(house: House) -> None:
    house.want("open")
    async with house.running():
        assert house.avahi.names == ["Open", "Secure"]
        assert house.hosts[-1] == "spooler.local"
    assert house.avahi.calls.count("withdraw") == 2


async def test_nothing_is_asked_twice_of_what_is_well(house: House) -> None:
    async with house.running() as advertiser:
        await settle(advertiser)
        house.avahi.tell()
        await wait_all_tasks_blocked()
        assert house.avahi.calls.count("register") == 1
        assert "update" not in house.avahi.calls


async def test_where_nothing_is_to_be_announced_there_is_no_connection(house: House) -> None:
    house.enabled = False
    async with house.running() as advertiser:
        assert house.avahi.connections == 0
        house.enabled = True
        await settle(advertiser)
        assert house.avahi.names == ["Secure"]
        house.enabled = False
        await settle(advertiser)
        assert house.avahi.names == []
        assert house.avahi.calls[-1] == "withdraw"


async def test_a_restarted_avahi_is_told_again(house: House) -> None:
    async with house.running():
        house.avahi.restart()
        await wait_all_tasks_blocked()
        assert house.avahi.names == ["Secure"]
        # The same connection to the bus serves.
        assert house.avahi.connections == 1


async def test_an_avahi_that_comes_later_is_told_when_it_comes(house: House) -> None:
    house.avahi.stop()
    with capture_logs() as logs:
        async with house.running() as advertiser:
            await settle(advertiser)
            assert house.avahi.names == []
            house.avahi.restart()
            await wait_all_tasks_blocked()
            assert house.avahi.names == ["Secure"]
    # Said once, however often it was looked at.
    assert [one for one in logs if one["event"] == "not-announced"] == [
        {"event": "not-announced", "log_level": "warning", "reason": "Avahi is not running"}
    ]
    assert {
        "event": "announced",
        "queue": "secure",
        "name": "Secure",
        "host": "spooler.local",
    }.items() <= next(one for one in logs if one["event"] == "announced").items()


async def test_while_the_host_name_is_in_doubt_nothing_is_announced(house: House) -> None:
    async with house.running():
        house.avahi.host = None
        house.avahi.tell()
        await wait_all_tasks_blocked()
        assert house.avahi.names == []
        house.avahi.host = "spooler-2.local"
        house.avahi.tell()
        await wait_all_tasks_blocked()
        assert house.avahi.names == ["Secure"]
        assert house.hosts[-1] == "spooler-2.local"


@pytest.mark.parametrize("where", ["taken", "taken_far"])
async def test_a_name_that_is_taken_is_replaced(house: House, where: str) -> None:
    getattr(house.avahi, where).update({"Secure", "Secure #2"})
    async with house.running():
        assert house.avahi.names == ["Secure #3"]
        assert house.wanted["secure"].name == "Secure #3"


async def test_a_name_lost_later_is_replaced(house: House) -> None:
    house.want("open")
    async with house.running():
        house.avahi.collide("Secure")
        await wait_all_tasks_blocked()
        assert house.avahi.names == ["Open", "Secure #2"]


async def test_changed_words_are_updated_in_place(house: House) -> None:
    async with house.running() as advertiser:
        house.want("secure", txt=b"ty=y")
        await settle(advertiser)
        assert house.avahi.calls.count("update") == 1
        assert house.avahi.calls.count("register") == 1
        (entry,) = house.avahi.entries.values()
        assert entry.services[0].txt == (b"ty=y",)


async def test_another_name_or_port_is_registered_anew(house: House) -> None:
    async with house.running() as advertiser:
        house.want("secure", port=8631)
        await settle(advertiser)
        house.want("secure", "Safe", port=8631)
        await settle(advertiser)
        assert house.avahi.names == ["Safe"]
        assert house.avahi.calls.count("register") == 3
        assert len(house.avahi.entries) == 1


async def test_a_queue_that_is_gone_is_withdrawn(house: House) -> None:
    house.want("open")
    async with house.running() as advertiser:
        del house.wanted["secure"]
        await settle(advertiser)
        assert house.avahi.names == ["Open"]


async def test_one_refused_queue_does_not_concern_the_others(house: House) -> None:
    house.want("open")
    house.avahi.refuses.add("Secure")
    with capture_logs() as logs:
        async with house.running() as advertiser:
            await settle(advertiser)
            assert house.avahi.names == ["Open"]
            assert house.avahi.calls.count("register") == 2
            house.want("secure", "Safe")
            await settle(advertiser)
            assert house.avahi.names == ["Open", "Safe"]
    assert [one["reason"] for one in logs if one["event"] == "not-announced"] == ["Secure is refused"]


async def test_what_avahi_gave_up_is_tried_again(house: House, autojump_clock: MockClock) -> None:
    async with house.running():
        (entry,) = house.avahi.entries.values()
        entry.state = EntryState.FAILURE
        house.avahi.tell()
        await wait_all_tasks_blocked()
        assert house.avahi.names == []
        await trio.sleep(LOOK_AGAIN_S + 1)
        assert house.avahi.names == ["Secure"]


async def test_without_a_bus_it_is_tried_ever_more_rarely(house: House, autojump_clock: MockClock) -> None:
    house.avahi.no_bus = "there is no system bus"
    with capture_logs() as logs:
        async with house.running():
            await trio.sleep(3600)
            tried = house.avahi.connections
            assert 3600 / LAST_RETRY_S <= tried < 3600 / LAST_RETRY_S + 10
            house.avahi.no_bus = ""
            await trio.sleep(LAST_RETRY_S + 1)
            assert house.avahi.names == ["Secure"]
    assert [one["reason"] for one in logs if one["event"] == "not-announced"] == ["there is no system bus"]


async def test_a_bus_that_breaks_is_connected_again(house: House, autojump_clock: MockClock) -> None:
    async with house.running():
        for _ in range(3):
            house.avahi.break_at_next_call("the system bus has closed the connection")
            await trio.sleep(2)
            assert house.avahi.names == ["Secure"]
        assert house.avahi.connections == 4


async def test_stopping_while_the_bus_breaks_ends_at_once(house: House) -> None:
    async with house.running() as advertiser:
        house.avahi.break_at_next_call("gone")
        advertiser.stop()
    assert house.avahi.names == []


async def test_stopping_without_a_bus_ends_at_once(house: House) -> None:
    house.avahi.no_bus = "there is no system bus"
    async with house.running():
        assert house.avahi.connections == 1
