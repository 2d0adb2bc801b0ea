"""One daemon for the matrix; afterwards nothing of a title, a password or a document is in its files."""

from collections.abc import Iterator

import pytest

from tests.authorisation.spooler import CONFIG, Spooler
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon


@pytest.fixture(scope="package", name="spooler")
def _spooler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spooler]:
    directory = tmp_path_factory.mktemp("matrix")
    printed = directory / "printed"
    printed.mkdir()
    daemon = Daemon(directory / "daemon", CONFIG.format(printed=printed))
    daemon.start()
    try:
        spooler = Spooler(daemon, printed)
        spooler.populate()
        yield spooler
    finally:
        status = daemon.stop()
    left = daemon.files_with(CANARY_TITLE.encode(), CANARY_PASSWORD.encode(), CANARY_DOCUMENT)
    assert left == [], f"canaries found in {left}"
    assert "Traceback" not in daemon.log, daemon.log[-6000:]
    assert status == 0
