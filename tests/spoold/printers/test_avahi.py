"""Without a bus, with one that misbehaves, and with one that Avahi is not on."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.printers.advertise import AvahiError
from spoold.printers.avahi import AVAHI, CALL_TIMEOUT_S, open_avahi
from tests.integration.eve import Bus
from tests.support.parts import need_program

ADDRESS = "DBUS_SYSTEM_BUS_ADDRESS"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the bus is to be."""
    path = tmp_path / "bus"
    monkeypatch.setenv(ADDRESS, f"unix:path={path}")
    return path


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    """A real bus, without Avahi."""
    need_program("dbus-daemon")
    one = Bus()
    one.start()
    monkeypatch.setenv(ADDRESS, one.address)
    yield one
    one.stop()


def nothing() -> None:
    """What is done when something has changed."""


async def connecting() -> str:
    """Connect in vain; returns the reason."""
    with pytest.raises(AvahiError) as refused:
        async with open_avahi(nothing):
            pass
    return str(refused.value)


@asynccontextmanager
async def listening(path: Path, answer: bytes | None) -> AsyncIterator[None]:
    """Answer whoever asks to be let in, hear one thing more, then hang up; None never answers."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            heard = b""
            while b"\r\n" not in heard:
                heard += await stream.receive_some()
            if answer is None:
                await trio.sleep_forever()
            if answer:
                await stream.send_all(answer)
                await stream.receive_some()

    with trio.socket.socket(trio.socket.AF_UNIX) as sock:
        await sock.bind(os.fspath(path))
        sock.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, [trio.SocketListener(sock)])
            yield
            nursery.cancel_scope.cancel()


async def test_where_there_is_no_bus_the_words_say_so(address: Path) -> None:
    assert await connecting() == "there is no system bus (D-Bus) to reach Avahi by"


@pytest.mark.parametrize("wrong", ["nonsense", "tcp:host=localhost,port=1", "unix:tmpdir=/tmp"])
async def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv(ADDRESS, wrong)
    assert await connecting() != ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "the system bus refuses the daemon's user"),
        (b"OK 0123\r\n", "the system bus has closed the connection"),
        (b"REJECTED EXTERNAL\r\n", "REJECTED"),
        (b"OK 0123\r\nl\x01\x00\x01", "Unexpected data"),
        (b"x" * 9000, "Too much data"),
    ],
)
async def test_a_bus_that_hangs_up_is_told_of(address: Path, answer: bytes, words: str) -> None:
    async with listening(address, answer):
        assert words in await connecting()


async def test_a_bus_that_never_answers_costs_its_time_only(address: Path, autojump_clock: MockClock) -> None:
    async with listening(address, None):
        begin = trio.current_time()
        assert "does not answer" in await connecting()
        assert trio.current_time() - begin == pytest.approx(CALL_TIMEOUT_S)


async def test_a_bus_without_avahi_says_that_nobody_is_there(bus: Bus) -> None:
    async with open_avahi(nothing) as avahi:
        assert await avahi.owner() is None


async def test_avahi_s_coming_and_going_is_noticed(bus: Bus) -> None:
    # Anybody may take the name on this bus; whoever has it is asked as Avahi would be.
    from jeepney import message_bus
    from jeepney.io.trio import open_dbus_router

    changed = trio.Event()
    async with open_avahi(changed.set) as avahi:
        async with open_dbus_router(bus.address) as other:
            await other.send_and_get_reply(message_bus.RequestName(AVAHI))
            with trio.fail_after(120):
                await changed.wait()
            assert await avahi.owner() == other.unique_name
        with trio.fail_after(120):
            while await avahi.owner() is not None:
                await trio.sleep(0.01)


async def test_an_answer_that_is_an_error_ends_the_connection(bus: Bus) -> None:
    with pytest.raises(AvahiError, match="ServiceUnknown"):
        async with open_avahi(nothing) as avahi:
            await avahi.alternative("name")


async def test_a_bus_that_ends_under_us_is_an_error_with_words(bus: Bus) -> None:
    async def use() -> None:
        async with open_avahi(nothing):
            bus.stop()
            await trio.sleep(10)

    with pytest.raises(AvahiError, match="the system bus has closed the connection"):
        await use()


async def test_a_cancellation_is_not_swallowed(bus: Bus) -> None:
    with trio.move_on_after(0.05) as scope:
        async with open_avahi(nothing):
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_mistake_of_ours_is_not_swallowed(bus: Bus) -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        async with open_avahi(nothing):
            raise ZeroDivisionError
    assert raised.value.split(ZeroDivisionError)[1] is None
