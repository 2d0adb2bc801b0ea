"""Fixtures of the integration tests: a daemon per test, and the search for canaries after each of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon

MakeDaemon = Callable[..., Daemon]


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
    statuses = [daemon.stop() for daemon in made]
    for daemon in made:
        left = daemon.files_with(CANARY_TITLE.encode(), CANARY_PASSWORD.encode(), CANARY_DOCUMENT)
        assert left == [], f"canaries found in {left}"
        assert "Traceback" not in daemon.log, daemon.log[-6000:]
    assert all(status in (0, -9) for status in statuses), statuses
