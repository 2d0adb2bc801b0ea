"""Reload: a good file is in force at once, a broken one changes nothing, and systemd is told either way."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from spoold.app.parts import Parts, build_parts
from spoold.app.reload import Reloader
from spoold.config.loader import load
from spoold.runtime.systemd import Notifier
from tests.fault.house import Place

QUEUE = '\n[queues.{name}]\nprinters = ["out"]\n'


class House:
    """The daemon's parts, without doors, and what systemd hears of them."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.place = Place(root, root / "state")
        self.place.prepare()
        self.notices = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.notices.bind(str(root / "notify"))
        self.notices.setblocking(False)
        self.parts: Parts = build_parts(load(self.place.config), stack)
        self.reloader = Reloader(self.place.config, self.parts, Notifier(str(root / "notify")))

    def write(self, old: str, new: str) -> None:
        """Edit the configuration file."""
        text = self.place.config.read_text()
        assert old in text
        self.place.config.write_text(text.replace(old, new))

    def told(self) -> list[list[str]]:
        """What systemd was told since the last look, line by line."""
        found = []
        while True:
            try:
                found.append(self.notices.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(tmp_path, stack)


def test_a_good_file_is_in_force_at_once(house: House) -> None:
    """Every service asks for the site anew; systemd hears that a reload began and that it is over."""
    before = house.parts.site()
    house.write("[queues.q]", QUEUE.format(name="fresh") + "[queues.q]")
    assert house.reloader.reload() is True
    assert set(house.parts.site().queues) == {"q", "fresh"}
    assert house.parts.site() is not before
    started, ended = house.told()
    assert started[0] == "RELOADING=1"
    assert started[1].startswith("MONOTONIC_USEC=")
    assert ended == ["READY=1", "STATUS=configuration reloaded"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[queues.q]", "[queues.q]\nnonsense = 1"),
        ("[queues.q]", "[queues.q"),
        ('printers = ["out"]', 'printers = ["gone"]'),
        ("[queues.q]", '[[rules]]\nname = "x"\nwhen = "user.nmae"\ndeny = "no"\n[queues.q]'),
    ],
)
def test_a_broken_file_changes_nothing(house: House, old: str, new: str) -> None:
    site, config = house.parts.site(), house.parts.config
    house.write(old, new)
    with structlog.testing.capture_logs() as logged:
        assert house.reloader.reload() is False
    assert (house.parts.site(), house.parts.config) == (site, config)
    _, ended = house.told()
    assert ended[0] == "READY=1"
    assert "the old one stays in force" in ended[1]
    (refusal,) = [one for one in logged if one["event"] == "reload-refused"]
    assert f"{house.place.config}:" in refusal["error"]


def test_a_file_that_is_gone_changes_nothing(house: House) -> None:
    house.place.config.unlink()
    assert house.reloader.reload() is False
    assert set(house.parts.site().queues) == {"q"}


def test_a_mistake_can_be_put_right_and_loaded(house: House) -> None:
    house.write("[queues.q]", "[queues.q")
    assert house.reloader.reload() is False
    house.write("[queues.q", "[queues.q]")
    assert house.reloader.reload() is True
    assert house.reloader.reload() is True


def test_rules_are_in_force_at_once(house: House) -> None:
    assert not house.parts.site().policy.uses_document("accept")
    rule = '[[rules]]\nname = "x"\nwhen = "document.pages > 3"\ndeny = "no"\n'
    house.write("[queues.q]", rule + "[queues.q]")
    assert house.reloader.reload() is True
    assert house.parts.site().policy.uses_document("accept")


def test_what_needs_a_restart_waits_for_it_and_is_named(house: House) -> None:
    """A new name or state directory under a running daemon would be two daemons in one."""
    house.write('name = "localhost"', 'name = "print.example.org"')
    house.write("[queues.q]", QUEUE.format(name="fresh") + "[queues.q]")
    with structlog.testing.capture_logs() as logged:
        assert house.reloader.reload() is True
    assert house.parts.site().name == "localhost"
    assert house.parts.config.server.name == "localhost"
    assert "fresh" in house.parts.site().queues
    (said,) = [one for one in logged if one["event"] == "reloaded"]
    assert said["needs_restart"] == ["server.name"]
    assert json.loads(json.dumps(said["changed"])) == said["changed"]


def test_a_certificate_that_was_broken_meanwhile_stays_the_old_one(house: House) -> None:
    """The rest of the reload counts all the same."""
    context = house.parts.tls.context
    house.parts.tls.certificate.write_text("nonsense")
    house.write("[queues.q]", QUEUE.format(name="fresh") + "[queues.q]")
    assert house.reloader.reload() is True
    assert house.parts.tls.context is context
    assert "fresh" in house.parts.site().queues


def test_a_renewed_certificate_is_used_for_new_connections(house: House) -> None:
    context = house.parts.tls.context
    assert house.reloader.reload() is True
    assert house.parts.tls.context is not context
