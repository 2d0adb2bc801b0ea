"""What is announced follows from the site in force and from where the doors listen."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from spoold.app import discovery
from spoold.app.discovery import make_advertiser, outside_port
from spoold.app.parts import Parts, build_parts
from spoold.app.reload import Reloader
from spoold.config.loader import load
from spoold.doors.ipp.declarations import SUPPORTED
from spoold.doors.ipp.printer import QueueAttributes
from spoold.printers.dns_sd import ServiceNames
from spoold.runtime.systemd import Notifier
from tests.fault.house import Place
from tests.support.fake_avahi import FakeAvahi, Registered

HERE, EVERYWHERE = "127.0.0.1", "0.0.0.0"
NAME = "q @ localhost"
AIR = b"air=username,password"


def listening(stack: ExitStack, host: str, family: int = socket.AF_INET) -> socket.socket:
    one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    one.bind((host, 0))
    return one


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        ((), None),
        ((HERE,), None),
        (("::1",), None),
        ((HERE, EVERYWHERE), 1),
        (("::",), 0),
        ((EVERYWHERE, "::"), 0),
    ],
)
def test_only_what_others_can_reach_counts(
    stack: ExitStack, hosts: tuple[str, ...], found: int | None
) -> None:
    sockets = [listening(stack, host, socket.AF_INET6 if ":" in host else socket.AF_INET) for host in hosts]
    assert outside_port(sockets) == (None if found is None else sockets[found].getsockname()[1])


class House:
    """A daemon's parts, a fake Avahi, and a file that can be reloaded."""

    def __init__(self, root: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = Place(root, root / "state")
        self.place.prepare()
        self.parts: Parts = build_parts(load(self.place.config), stack)
        self.avahi = FakeAvahi()
        monkeypatch.setattr(discovery, "_connect", self.avahi.connect)
        self.names = ServiceNames("localhost")
        self.attributes = QueueAttributes(
            operations=SUPPORTED,
            started_at=self.parts.started_at,
            server_name="localhost",
            queued=lambda _queue: 0,
            active=lambda _queue: False,
            dns_sd_name=self.names.of,
        )
        self.ipp, self.lpr = listening(stack, EVERYWHERE), listening(stack, EVERYWHERE)
        sockets = {"ipp": [self.ipp], "lpr": [self.lpr], "web": []}
        made = make_advertiser(self.parts, self.attributes, self.names, sockets)
        assert made is not None
        self.advertiser = made

    async def reload(self, old: str, new: str) -> None:
        """Edit the file and put it into force."""
        text = self.place.config.read_text()
        assert old in text
        self.place.config.write_text(text.replace(old, new))
        assert Reloader(self.place.config, self.parts, Notifier(None)).reload()
        await wait_all_tasks_blocked()

    @property
    def registered(self) -> dict[str, Registered]:
        return {one.name: one for one in self.avahi.entries.values()}

    def dns_sd_name(self) -> str | None:
        """Return what a client is told that asks the queue itself."""
        told = self.attributes.attributes_of(self.parts.site().queues["q"], "h:631", tls=False)
        return told["printer-dns-sd-name"].strings()[0]


@pytest.fixture
def house(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, stack, monkeypatch)


async def test_the_site_in_force_is_announced(house: House, nursery: trio.Nursery) -> None:
    nursery.start_soon(house.advertiser.run)
    await wait_all_tasks_blocked()
    flagship, ipp, ipps = house.registered[NAME].services
    assert ipp.port == ipps.port == house.ipp.getsockname()[1]
    assert f"adminurl=http://spooler.local:{ipp.port}/".encode() in ipp.txt
    assert f"adminurl=https://spooler.local:{ipp.port}/".encode() in ipps.txt
    assert b"TLS=1.3" in ipp.txt
    assert (flagship.port, AIR in ipp.txt) == (house.lpr.getsockname()[1], False)
    fresh = '\n[queues.fresh]\nprinters = ["out"]\ndescription = "Fresh"\n'
    await house.reload("[queues.q]", f"{fresh}[queues.q]")
    assert set(house.registered) == {NAME, "Fresh"}
    # LPR cannot sign in, so this queue takes nothing from it.
    flagship, ipp, _ = house.registered["Fresh"].services
    assert (flagship.port, AIR in ipp.txt) == (0, True)
    await house.reload("[queues.q]", "[queues.q]\nadvertise = false")
    assert set(house.registered) == {"Fresh"}
    await house.reload("[queues.q]", "[dns_sd]\nadvertise = false\n[queues.q]")
    assert house.registered == {}
    house.advertiser.stop()


async def test_another_name_is_told_to_who_asks_the_queue(house: House, nursery: trio.Nursery) -> None:
    assert house.dns_sd_name() == NAME
    house.avahi.taken.add(NAME)
    nursery.start_soon(house.advertiser.run)
    await wait_all_tasks_blocked()
    assert set(house.registered) == {f"{NAME} #2"}
    assert house.dns_sd_name() == f"{NAME} #2"
    house.advertiser.stop()


def test_what_only_this_machine_reaches_is_not_announced(house: House, stack: ExitStack) -> None:
    sockets = {"ipp": [listening(stack, HERE)], "lpr": [], "web": []}
    assert make_advertiser(house.parts, house.attributes, house.names, sockets) is None
