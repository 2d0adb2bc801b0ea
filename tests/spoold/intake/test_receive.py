"""One document on its way in: what it is decides, and troubles of the store are said in words."""

from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from holdstore.errors import HoldStoreError, StoreFailed, StoreFull
from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from protocols.ipp.values import integer
from spoold.intake.receive import HEAD_BYTES, check_format, receive
from spoold.intake.submission import Incoming
from spoold.model.errors import TooLarge, Unavailable, UnsupportedDocument
from spoold.model.ids import new_job_id
from tests.support.memory_blobs import FaultyBlobStore, MemoryBlobStore
from tests.support.pdfs import pdf

FORMATS = frozenset({"application/pdf", "image/png", "text/plain"})
KEYS = Keyring.from_bytes(bytes(range(32)))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
PDF = pdf(1)
BINARY = b"\x00\x01\x02\xff" * 99


async def pieces(*contents: bytes) -> AsyncGenerator[bytes]:
    for content in contents:
        yield content


@pytest.mark.parametrize(
    ("head", "declared", "found"),
    [
        (PDF, None, "application/pdf"),
        (PDF, "application/pdf", "application/pdf"),
        (PNG, "image/png", "image/png"),
        (b"a line\n", "text/plain", "text/plain"),
        (b"a line\n", None, "text/plain"),
    ],
)
def test_what_it_is_decides(head: bytes, declared: str | None, found: str) -> None:
    assert check_format(head, declared, FORMATS) == found


@pytest.mark.parametrize(
    ("head", "declared", "words"),
    [
        (b"", None, "empty"),
        (b"", "application/pdf", "empty"),
        (b"a line\n", "application/pdf", "sent as application/pdf but is text/plain"),
        (PDF, "image/png", "sent as image/png but is application/pdf"),
        (PNG, "text/plain", "sent as text/plain but is image/png"),
        (b"%!PS-Adobe-3.0\n", None, "application/postscript are not printed here"),
        (BINARY, None, "not printed here"),
    ],
)
def test_what_is_not_taken_is_said_in_words(head: bytes, declared: str | None, words: str) -> None:
    with pytest.raises(UnsupportedDocument, match=words):
        check_format(head, declared, FORMATS)


LANGUAGES = FORMATS | {"application/vnd.hp-PCL"}
PCL = b"\x1bE\x1b&l1XHello\x0c\x1bE"
UEL = b"\x1b%-12345X"


async def test_job_commands_are_taken_off_before_anything_is_sealed() -> None:
    store = HoldStore.over(MemoryBlobStore(), KEYS)
    wrapped = UEL + b"@PJL SET COPIES=2\r\n@PJL ENTER LANGUAGE=PCL\r\n" + PCL + UEL + b"@PJL EOJ\r\n" + UEL
    # However it is cut on its way.
    for chunks in ((wrapped,), tuple(bytes([byte]) for byte in wrapped)):
        incoming = Incoming(pieces(*chunks))
        received = await receive(store, new_job_id(), 1, incoming, max_bytes=len(PCL), formats=LANGUAGES)
        assert (received.format, received.sealed.size_bytes) == ("application/vnd.hp-PCL", len(PCL))
        async with store.open(received.sealed) as reader:
            assert b"".join([bytes(chunk) async for chunk in reader.chunks()]) == PCL
        assert incoming.ticket.template == (integer("copies", 2),)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (UEL + b'@PJL FSDELETE NAME="0:/x"\r\n@PJL ENTER LANGUAGE=PCL\r\n' + PCL, "cannot be printed safely"),
        (PCL + UEL + b"@PJL ENTER LANGUAGE=PCL\r\n" + PCL, "cannot be printed safely"),
        (UEL + b"@PJL ENTER LANGUAGE=PDF\r\n" + PCL, "announced as PDF"),
        (UEL + b"@PJL INFO STATUS\r\n" + UEL, "empty"),
    ],
)
async def test_commands_that_no_job_needs_are_refused_with_words(stream: bytes, words: str) -> None:
    blobs = MemoryBlobStore()
    store = HoldStore.over(blobs, KEYS)
    with pytest.raises(UnsupportedDocument, match=words):
        await receive(
            store, new_job_id(), 1, Incoming(pieces(stream)), max_bytes=1_000_000, formats=LANGUAGES
        )
    assert await blobs.names() == []


async def test_a_document_is_sealed_and_described() -> None:
    store = HoldStore.over(MemoryBlobStore(), KEYS)
    job_id = new_job_id()
    received = await receive(
        store, job_id, 3, Incoming(pieces(PDF, PDF)), max_bytes=10_000_000, formats=FORMATS
    )
    document = received.document()
    assert (document.job_id, document.number, document.format) == (job_id, 3, "application/pdf")
    assert (document.size_bytes, document.inspected) == (2 * len(PDF), False)


async def test_the_first_bytes_may_come_one_by_one() -> None:
    store = HoldStore.over(MemoryBlobStore(), KEYS)
    drops = pieces(*(bytes([byte]) for byte in PDF[:HEAD_BYTES]))
    received = await receive(store, new_job_id(), 1, Incoming(drops), max_bytes=10_000_000, formats=FORMATS)
    assert received.format == "application/pdf"


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_the_bound_is_exact(size: int, fits: bool) -> None:
    """Also in one piece larger than the bound: nothing beyond it is sealed."""
    blobs = MemoryBlobStore()
    store = HoldStore.over(blobs, KEYS)
    incoming = Incoming(pieces(b"x" * size))
    if fits:
        await receive(store, new_job_id(), 1, incoming, max_bytes=1000, formats=FORMATS)
        return
    with pytest.raises(TooLarge):
        await receive(store, new_job_id(), 1, incoming, max_bytes=1000, formats=FORMATS)
    assert blobs.unfinished == set()


async def test_a_refusal_reads_no_further_and_closes_the_source() -> None:
    closed = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 600
        finally:
            closed.append(True)

    store = HoldStore.over(MemoryBlobStore(), KEYS)
    with pytest.raises(TooLarge):
        await receive(store, new_job_id(), 1, Incoming(endless()), max_bytes=1000, formats=FORMATS)
    assert closed == [True]


@pytest.mark.parametrize(
    ("error", "words"), [(StoreFull("full"), "disk is full"), (StoreFailed("gone"), "cannot keep documents")]
)
async def test_troubles_of_the_store_are_temporary(error: HoldStoreError, words: str) -> None:
    """The client keeps its job and comes again; the cause is for the log."""
    blobs = MemoryBlobStore()
    store = HoldStore.over(FaultyBlobStore(blobs, fail_at=0, error=lambda: error), KEYS)
    content = b"a line of a long letter\n" * 100_000
    with pytest.raises(Unavailable, match=words) as caught:
        await receive(
            store, new_job_id(), 1, Incoming(pieces(content)), max_bytes=10_000_000, formats=FORMATS
        )
    assert caught.value.temporary
    assert (blobs.contents, blobs.unfinished) == ({}, set())
