"""An Identity over a fresh database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spoold.database.engine import Database
from tests.support.identities import IdentityKit, make_identity, open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "spoold.db") as opened:
        yield opened


@pytest.fixture
def kit(database: Database) -> IdentityKit:
    return make_identity(database)
