"""Stamping by a real worker behind real walls: what comes out, and everything that ends badly."""

import os
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from holdstore.errors import HoldStoreError
from spoold.documents.stamping import MAX_WORDS, Stamped, Stamper, StampingFailed, StampingLimits, _Room
from tests.support import pdfs
from tests.support.children import child_pids
from tests.support.seen import words_of

WORDS = ("For amelie at 14:05",)
WAIT_S = 120.0
PATIENT = StampingLimits(start_timeout_s=WAIT_S, stamp_timeout_s=WAIT_S, piece_timeout_s=WAIT_S)
ROOT = Path(__file__).parents[3]
READY = b'{"ok": true, "reason": null, "landlock_abi": 1}\n'


async def pieces(octets: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(octets), 65536):
        yield octets[start : start + 65536]


async def rest_of(found: Stamped) -> bytes:
    return b"".join([piece async for piece in found.chunks()])


async def stamped(octets: bytes, stamper: Stamper | None = None, pages: int | None = None) -> bytes:
    """Stamp a document completely."""
    with trio.fail_after(WAIT_S):
        async with (stamper or Stamper(PATIENT)).stamp(WORDS, pieces(octets), pages=pages) as found:
            result = await rest_of(found)
            assert found.size_bytes == len(result)
    return result


async def failure(octets: bytes, stamper: Stamper | None = None, pages: int | None = None) -> str:
    """Stamp a document that cannot be stamped; returns why."""
    with pytest.raises(StampingFailed) as caught:
        await stamped(octets, stamper, pages)
    return caught.value.words


def saying(script: str, **limits: float) -> Stamper:
    """A stamper whose worker is a few lines of Python instead; without limits it may take its time."""
    command = (sys.executable, "-c", f"import os, sys, time\n{script}")
    return Stamper(replace(PATIENT, **limits), command)  # type: ignore[arg-type]


async def test_a_worker_stamps_every_page(tmp_path: Path) -> None:
    pages = words_of(await stamped(pdfs.pdf(30), pages=30), tmp_path)
    assert len(pages) == 30
    assert all(WORDS[0] in page for page in pages)


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
async def test_decrypting_needs_nothing_that_the_walls_refuse(tmp_path: Path, algorithm: str) -> None:
    assert WORDS[0] in words_of(await stamped(pdfs.encrypted(algorithm=algorithm)), tmp_path)[0]


async def test_a_long_document_goes_through_in_pieces() -> None:
    picture = os.urandom(12 * pdfs.MIB)
    document = pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[4 0 R]/Count 1/MediaBox[0 0 595 842]>>",
            4: b"<</Type/Page/Parent 2 0 R/Resources<</XObject<</I 6 0 R>>>>>>",
            6: pdfs.stream(picture, b"/Type/XObject/Subtype/Image/Filter/DCTDecode/Width 9/Height 9"),
        }
    )
    assert picture in await stamped(document)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (pdfs.encrypted("secret"), "protected by a password"),
        (b"\x1bE not a PDF", "no PDF"),
        (b"", "no PDF"),
        (pdfs.deep_page_tree(), "damaged"),
        (pdfs.nested_arrays(), "damaged"),
    ],
)
async def test_what_cannot_be_stamped_says_why(document: bytes, said: str) -> None:
    assert said in await failure(document)


async def test_another_number_of_pages_than_was_counted_is_not_sent() -> None:
    assert await failure(pdfs.pdf(3), pages=4) == "it has 4 pages, but 3 were found; print it anew"


async def test_a_document_that_is_too_large_is_not_taken() -> None:
    small = Stamper(replace(PATIENT, max_document_bytes=100_000))
    assert "print it in parts" in await failure(pdfs.pdf(1) + b"%" * 3 * pdfs.MIB, small)


@pytest.mark.parametrize(
    ("script", "limits", "said"),
    [
        ("os._exit(1)", {}, "interrupted"),
        ("os.kill(os.getpid(), 9)", {}, "interrupted"),
        (
            'print(\'{"ok": false, "reason": "no landlock"}\', flush=True); time.sleep(600)',
            {},
            "no landlock",
        ),
        (f"os.write(1, {READY!r}); time.sleep(600)", {"stamp_timeout_s": 0.3}, "too long"),
        (f"os.write(1, {READY!r}); sys.stdin.buffer.read(); os.write(1, b'thanks\\n')", {}, "interrupted"),
        (
            f"os.write(1, {READY!r}); sys.stdin.buffer.read(); os.write(1, b'{{\"pages\": 1}}\\n')",
            {},
            "interrupted",
        ),
        (
            f"os.write(1, {READY!r}); sys.stdin.buffer.read(); "
            'os.write(1, b\'{"pages": 1, "size_bytes": 9}\\nshort\')',
            {},
            "interrupted",
        ),
        (
            f"os.write(1, {READY!r}); sys.stdin.buffer.read(); "
            'os.write(1, b\'{"pages": 1, "size_bytes": 2}\\nlonger\')',
            {},
            "interrupted",
        ),
        (
            f"os.write(1, {READY!r}); sys.stdin.buffer.read(); "
            'os.write(1, b\'{"pages": 1, "size_bytes": 9}\\n\'); time.sleep(600)',
            {"piece_timeout_s": 0.3},
            "interrupted",
        ),
    ],
    ids=["ends", "killed", "no-walls", "silent", "chatty", "no-size", "short", "longer", "stuck"],
)
async def test_a_worker_that_fails_stamps_nothing(script: str, limits: dict[str, float], said: str) -> None:
    before = child_pids()
    assert said in await failure(pdfs.pdf(1), saying(script, **limits))
    assert child_pids() <= before


async def test_a_worker_that_dies_while_the_printer_takes_the_document_is_noticed() -> None:
    before = child_pids()
    async with Stamper(PATIENT).stamp(WORDS, pieces(pdfs.pdf(3000))) as found:
        (worker,) = child_pids() - before
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(StampingFailed, match="interrupted"):
            await rest_of(found)
    assert child_pids() <= before


async def test_no_program_no_stamp() -> None:
    assert "could not be started" in await failure(pdfs.pdf(1), Stamper(command=("/nonexistent/python",)))


@pytest.mark.parametrize("count", [0, MAX_WORDS + 1])
async def test_only_so_many_words_are_stamped(count: int) -> None:
    with pytest.raises(StampingFailed, match="watermarks"):
        async with Stamper().stamp(["words"] * count, pieces(pdfs.pdf(1))):
            pass


async def test_what_is_wrong_with_the_source_is_raised_as_it_is() -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield b"%PDF-1.4"
        raise HoldStoreError("it was destroyed")

    before = child_pids()
    with pytest.raises(HoldStoreError, match="destroyed"):
        async with Stamper().stamp(WORDS, broken()):
            pass
    assert child_pids() <= before


async def test_whoever_waits_too_long_for_a_free_worker_is_told() -> None:
    stamper = Stamper(replace(PATIENT, max_stampings=1, max_wait_s=0.05))
    async with stamper.stamp(WORDS, pieces(pdfs.pdf(1))):
        assert "too many" in await failure(pdfs.pdf(1), stamper)
    assert await stamped(pdfs.pdf(1), stamper)


async def test_documents_in_work_share_a_budget_and_the_first_that_waits_is_the_first_let_in(
    autojump_clock: MockClock,
) -> None:
    room, inside, started_s = _Room(places=3, size_bytes=100), list[str](), trio.current_time()

    async def stay(name: str, size_bytes: int, from_s: float, until_s: float) -> None:
        await trio.sleep(from_s)
        await room.enter(size_bytes)
        inside.append(name)
        await trio.sleep_until(started_s + until_s)
        room.leave(size_bytes)
        inside.append(f"{name} left")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stay, "half", 60, 1, 10)
        nursery.start_soon(stay, "large", 100, 2, 20)
        nursery.start_soon(stay, "small", 1, 3, 30)
    assert inside == ["half", "half left", "large", "large left", "small", "small left"]


async def test_who_gives_up_waiting_stands_in_nobody_s_way(autojump_clock: MockClock) -> None:
    room = _Room(places=3, size_bytes=100)
    await room.enter(60)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as large:
            nursery.start_soon(room.enter, 40)
            await room.enter(100)
    assert large.cancelled_caught
    room.leave(60)
    room.leave(40)
    with trio.fail_after(1):
        await room.enter(100)


async def test_documents_that_are_long_together_wait_for_each_other() -> None:
    document = pdfs.pdf(1)
    size_bytes = len(document)
    limits = replace(PATIENT, max_bytes=4 * size_bytes - 1, max_document_bytes=size_bytes, max_wait_s=0.05)
    stamper = Stamper(limits)
    async with stamper.stamp(WORDS, pieces(document), size_bytes=size_bytes):
        with pytest.raises(StampingFailed, match="too many"):
            async with stamper.stamp(WORDS, pieces(document), size_bytes=size_bytes):
                pass
        with pytest.raises(StampingFailed, match="too many"):
            async with stamper.stamp(WORDS, pieces(document)):
                pass
    assert await stamped(document, stamper)


async def test_what_is_known_to_be_too_long_is_not_even_read() -> None:
    with pytest.raises(StampingFailed, match="in parts"):
        async with Stamper().stamp(WORDS, pieces(b""), size_bytes=StampingLimits.max_document_bytes + 1):
            pass


def test_what_all_stampings_take_is_what_the_unit_allows() -> None:
    limits, unit = StampingLimits(), (ROOT / "systemd" / "spoold.service").read_text()
    together = limits.max_stampings * 40 + limits.max_bytes // pdfs.MIB
    assert f"takes {together} MiB" in unit
    assert "\nMemoryMax=2G\n" in unit
    assert 1024 + together <= 2048
    assert 2 * limits.max_document_bytes <= limits.max_bytes
