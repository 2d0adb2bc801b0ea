"""Documents made to hurt: what they may cost, and that nobody else notices."""

import gc
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
import trio

from spoold.documents.inspection import Inspection
from spoold.documents.pool import PoolLimits, WorkerPool
from tests.support import pdfs
from tests.support.children import child_pids
from tests.support.ticker import Ticker

pytestmark = pytest.mark.alone

PDF = "application/pdf"
SAMPLES = Path(__file__).parent / "samples"
MIB = 1024 * 1024
MAX_CPU_S = 10.0
MAX_DELAY_S = 0.25

KNOWN_PAGES = {"count-of-a-billion": 1, "count-below-zero": 1, "64-mib-comment": 1, "previous-table-loop": 1}
"""Bombs that do not go off: their pages are what a reader that trusts nothing finds."""
CLAIMED_PAGES = {"100000-pages": 100_000}


@pytest.fixture(autouse=True)
def _every_worker_is_reaped() -> Iterator[None]:
    before = child_pids()
    yield
    # Children of earlier tests may be reaped meanwhile; new ones must not be left.
    assert child_pids() <= before


async def pieces(document: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(document), MIB):
        yield document[start : start + MIB]


async def inspect_beside_a_ticker(
    pool: WorkerPool, *sources: AsyncIterator[bytes]
) -> tuple[list[Inspection], Ticker]:
    """Inspect all at once while something else in the same loop wants to run every 10 ms."""
    found: list[Inspection] = []
    ticker = Ticker()
    # The documents themselves were just made here; collecting that garbage is not the pool's delay.
    gc.collect()

    async def inspect(source: AsyncIterator[bytes]) -> None:
        found.append(await pool.inspect(source, PDF))

    async with trio.open_nursery() as around:
        around.start_soon(ticker.run)
        async with trio.open_nursery() as nursery:
            for source in sources:
                nursery.start_soon(inspect, source)
        around.cancel_scope.cancel()
    return found, ticker


@pytest.mark.parametrize("name", sorted(pdfs.BOMBS))
async def test_a_bomb_costs_little_and_blocks_nobody(name: str) -> None:
    pool = WorkerPool()
    document = pdfs.BOMBS[name]()
    with structlog.testing.capture_logs():
        (inspection,), ticker = await inspect_beside_a_ticker(pool, pieces(document))
    assert pool.last_ended is not None
    assert pool.last_ended.cpu_s <= MAX_CPU_S
    assert ticker.worst_s < MAX_DELAY_S
    if inspection.known:
        assert inspection.pages == KNOWN_PAGES.get(name, 1)
        assert inspection.reason is None
    else:
        assert name not in KNOWN_PAGES
        assert inspection.pages == CLAIMED_PAGES.get(name)
        assert inspection.reason


async def test_200_mib_of_garbage_stop_at_the_size_limit() -> None:
    given = 0

    async def garbage() -> AsyncIterator[bytes]:
        nonlocal given
        block = b"1 0 obj\n" * (MIB // 8)
        for _ in range(200):
            given += 1
            yield block

    pool = WorkerPool()
    (inspection,), ticker = await inspect_beside_a_ticker(pool, garbage())
    assert inspection.reason == "the document is too large to be inspected"
    assert given == 65
    assert pool.last_ended is not None
    assert pool.last_ended.cpu_s <= MAX_CPU_S
    assert ticker.worst_s < MAX_DELAY_S


async def test_every_worker_at_its_limit_leaves_the_loop_free() -> None:
    """As many of the dearest documents as there are workers, all at once."""
    limits = PoolLimits(deadline_s=3.0)
    document = pdfs.BOMBS["object-garbage"]()
    with structlog.testing.capture_logs():
        found, ticker = await inspect_beside_a_ticker(
            WorkerPool(limits), *(pieces(document) for _ in range(limits.max_workers))
        )
    assert [inspection.known for inspection in found] == [False] * limits.max_workers
    assert len(ticker.delays_s) > 100
    assert ticker.worst_s < MAX_DELAY_S


def mutated(document: bytes, chance: random.Random) -> bytes:
    """Damage a document in a few places: flip, cut, double, or put a number elsewhere."""
    changed = bytearray(document)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randint(1, 64)]
            case 2:
                changed[at:at] = changed[at : at + chance.randint(1, 64)]
            case _:
                changed[at : at + 1] = b" %d " % chance.choice([0, -1, 2, 10, 2**31, 2**63])
        if not changed:
            return b""
    return bytes(changed)


async def test_mutated_documents_always_have_an_answer() -> None:
    """A short form of a fuzz run; the seeds are fixed, so that a finding can be repeated."""
    chance = random.Random(20261122)
    originals = [
        *(path.read_bytes() for path in sorted(SAMPLES.iterdir())),
        pdfs.pdf(3),
        pdfs.with_object_stream(2),
        pdfs.encrypted(""),
        pdfs.many_pages(120),
    ]
    documents = [mutated(chance.choice(originals), chance) for _ in range(80)]
    with structlog.testing.capture_logs() as logs:
        found, ticker = await inspect_beside_a_ticker(
            WorkerPool(), *(pieces(document) for document in documents)
        )
    assert len(found) == len(documents)
    for inspection in found:
        assert inspection.known == (inspection.reason is None)
        assert inspection.known <= (inspection.pages is not None)
    assert any(inspection.known for inspection in found)
    assert any(inspection.broken for inspection in found)
    assert [entry for entry in logs if entry.get("signal") == 31] == [], (
        "a call the parser needs is not listed"
    )
    assert ticker.worst_s < MAX_DELAY_S
