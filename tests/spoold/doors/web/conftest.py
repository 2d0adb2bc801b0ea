"""A portal over a fresh database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.identities import IdentityKit, make_identity, open_database
from tests.support.web_portal import PortalKit, make_portal


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[IdentityKit]:
    with open_database(tmp_path / "spoold.db") as database:
        yield make_identity(database)


@pytest.fixture
async def portal(kit: IdentityKit) -> PortalKit:
    return await make_portal(kit)
