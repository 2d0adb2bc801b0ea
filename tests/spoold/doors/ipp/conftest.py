"""The IPP door on cheap parts, a fresh one for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.ipp_door import IppHouse, open_ipp


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[IppHouse]:
    async with open_ipp(tmp_path) as opened:
        yield opened
