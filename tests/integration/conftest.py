"""Fixtures of the integration tests: a daemon per test, searched for canaries after it; printers, a cupsd."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_PIN, CANARY_TITLE, Daemon
from tests.integration.eve import FORMATS, Bus, EvePrinter
from tests.support.cups import Cups

MakeDaemon = Callable[..., Daemon]
MakePrinter = Callable[..., EvePrinter]
CANARIES = (CANARY_TITLE.encode(), CANARY_PASSWORD.encode(), CANARY_PIN.encode(), CANARY_DOCUMENT)


@pytest.fixture(name="make_daemon")
def _make_daemon(tmp_path: Path) -> Iterator[MakeDaemon]:
    """Make daemons that are stopped at the end; nothing of a canary may be left in their files."""
    made: list[Daemon] = []

    def make(config: str, *, name: str = "daemon", start: bool = True, **fields: object) -> Daemon:
        daemon = Daemon(tmp_path / name, config, **fields)  # type: ignore[arg-type]
        made.append(daemon)
        if start:
            daemon.start()
        return daemon

    yield make
    # While it runs there is a WAL and there are metrics; once it has stopped there are not.
    for daemon in made:
        _assert_clean(daemon)
        metrics = daemon.metrics()
        assert not [canary for canary in CANARIES if canary.decode() in metrics], metrics
    statuses = [daemon.stop() for daemon in made]
    for daemon in made:
        _assert_clean(daemon)
        assert "Traceback" not in daemon.log, daemon.log[-6000:]
    assert all(status in (0, -9) for status in statuses), statuses


def _assert_clean(daemon: Daemon) -> None:
    left = daemon.files_with(*CANARIES)
    assert left == [], f"canaries found in {left}"


@pytest.fixture(name="printed")
def _printed(tmp_path: Path) -> Path:
    """A folder that a printer of the configuration may be."""
    folder = tmp_path / "printed"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module", name="cups")
def _cups() -> Iterator[Cups]:
    one = Cups()
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module", name="bus")
def _bus() -> Iterator[Bus]:
    one = Bus()
    one.start()
    yield one
    one.stop()


@pytest.fixture(name="make_printer")
def _make_printer(bus: Bus) -> Iterator[MakePrinter]:
    """Start real printers; they are stopped at the end."""
    made: list[EvePrinter] = []

    def make(name: str, formats: str = FORMATS) -> EvePrinter:
        printer = EvePrinter(name, bus, formats)
        made.append(printer)
        printer.start()
        return printer

    yield make
    for printer in made:
        printer.stop()
