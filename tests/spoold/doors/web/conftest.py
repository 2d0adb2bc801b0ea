"""A portal over a fresh database for each test, and one browser for each module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import chromium
from tests.support.identities import IdentityKit, make_identity, open_database
from tests.support.portal_server import ServedPortal, serving_portal
from tests.support.web_portal import PortalKit, make_portal


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[IdentityKit]:
    with open_database(tmp_path / "spoold.db") as database:
        yield make_identity(database)


@pytest.fixture
async def portal(kit: IdentityKit) -> PortalKit:
    return await make_portal(kit)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedPortal]:
    """A portal that programs reach: browsers, for example."""
    with serving_portal(tmp_path) as portal:
        yield portal
