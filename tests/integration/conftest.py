"""Fixtures of the integration tests: a daemon per test, and the search for canaries after each of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_PIN, CANARY_TITLE, Daemon

MakeDaemon = Callable[..., Daemon]
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
