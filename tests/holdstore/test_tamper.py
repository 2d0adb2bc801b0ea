"""Whatever is done to a container on its disk is refused before a single byte of the document comes out."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from holdstore.container import (
    PREAMBLE_BYTES,
    SEALED_SEGMENT_BYTES,
    TAG_BYTES,
    SealedDocument,
    blob_name,
    container_size,
    padded_size,
    segment_offset,
)
from holdstore.errors import Damage, DamagedContainer
from holdstore.keyring import Keyring
from holdstore.reader import SCAN_SEGMENTS
from holdstore.store import HoldStore

KEYRING = Keyring.from_bytes(bytes(range(32)))
SEGMENTS = 21
SIZE_BYTES = (SEGMENTS - 1) * 65536 + 12_345
FLIPS_PER_SEGMENT = 8


class Workshop:
    """A store on disk, with documents in it, and the tools to break them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = HoldStore(root, KEYRING)
        self.tried = 0
        self.undetected: list[str] = []

    async def seal(
        self, size_bytes: int = SIZE_BYTES, job_id: UUID | None = None, number: int = 1
    ) -> SealedDocument:
        async with self.store.create(job_id or uuid4(), number) as writer:
            await writer.write(os.urandom(size_bytes))
            return await writer.commit()

    def path(self, document: SealedDocument) -> Path:
        name = blob_name(document.job_id, document.number)
        return self.root / "blobs" / name[-2:] / name

    async def first_bytes(self, document: SealedDocument) -> bytes | Damage:
        """What comes out first, without a call of verify: nothing may be missed by forgetting it."""
        try:
            async with self.store.open(document) as reader:
                return await reader.chunks().__anext__()
        except DamagedContainer as error:
            return error.damage

    async def expect_refused(self, label: str, document: SealedDocument, *damages: Damage) -> None:
        """Count a manipulation, and note it if the document opens or the reason is not one of these."""
        self.tried += 1
        outcome = await self.first_bytes(document)
        if not isinstance(outcome, Damage) or (damages and outcome not in damages):
            self.undetected.append(f"{label}: {outcome!r:.40}")

    async def overwrite(
        self, document: SealedDocument, offset: int, content: bytes, *damages: Damage, label: str
    ) -> None:
        """Change bytes in the file, expect a refusal, and put them back."""
        with self.path(document).open("r+b", buffering=0) as file:
            before = os.pread(file.fileno(), len(content), offset)
            os.pwrite(file.fileno(), content, offset)
            await self.expect_refused(f"{label} at {offset}", document, *damages)
            os.pwrite(file.fileno(), before, offset)

    async def flip(self, document: SealedDocument, offset: int, *damages: Damage, bit: int = 1) -> None:
        with self.path(document).open("rb") as file:
            byte = os.pread(file.fileno(), 1, offset)[0]
        await self.overwrite(document, offset, bytes([byte ^ bit]), *damages, label="flip")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "store")


Manipulation = Callable[[Workshop, SealedDocument], Awaitable[None]]


async def flip_every_header_byte(workshop: Workshop, document: SealedDocument) -> None:
    refused = (Damage.HEADER, Damage.IDENTITY, Damage.COMMITMENT)
    for offset in range(PREAMBLE_BYTES):
        await workshop.flip(document, offset, *refused, bit=1 << offset % 8)


async def flip_in_every_segment(workshop: Workshop, document: SealedDocument) -> None:
    end = container_size(document.size_bytes)
    for index in range(document.segments):
        start = segment_offset(index)
        length = min(SEALED_SEGMENT_BYTES, end - start)
        places = {
            0,
            1,
            length // 3,
            length // 2,
            length - TAG_BYTES - 1,
            length - TAG_BYTES,
            length - 8,
            length - 1,
        }
        assert len(places) == FLIPS_PER_SEGMENT
        for bit, place in enumerate(sorted(places)):
            await workshop.flip(document, start + place, Damage.SEGMENT, bit=1 << bit)


async def truncate_everywhere(workshop: Workshop, document: SealedDocument) -> None:
    path, whole = workshop.path(document), workshop.path(document).read_bytes()
    edges = [segment_offset(index) for index in range(document.segments)] + [len(whole)]
    cuts = {0, 1, 87, 88, 119} | {edge + offset for edge in edges for offset in (-17, -16, -1, 0, 1)}
    for length in sorted(cut for cut in cuts if cut < len(whole)):
        os.truncate(path, length)
        await workshop.expect_refused(f"truncated to {length}", document, Damage.SIZE)
    path.write_bytes(whole)


async def truncate_with_a_row_that_agrees(workshop: Workshop, document: SealedDocument) -> None:
    path, whole = workshop.path(document), workshop.path(document).read_bytes()
    for segments in range(1, document.segments):
        os.truncate(path, segment_offset(segments))
        row = replace(document, size_bytes=segments * 65536, segments=segments)
        await workshop.expect_refused(f"cut to {segments} segments, row too", row, Damage.SEGMENT)
        path.write_bytes(whole)


async def append(workshop: Workshop, document: SealedDocument) -> None:
    path, whole = workshop.path(document), workshop.path(document).read_bytes()
    last = whole[segment_offset(document.segments - 1) :]
    for extra in (b"\x00", bytes(16), bytes(SEALED_SEGMENT_BYTES), last, whole):
        path.write_bytes(whole + extra)
        await workshop.expect_refused(f"appended {len(extra)}", document, Damage.SIZE)
    path.write_bytes(whole)


async def append_with_a_row_that_agrees(workshop: Workshop, document: SealedDocument) -> None:
    path, whole = workshop.path(document), workshop.path(document).read_bytes()
    for size_bytes in (document.size_bytes + 1, document.size_bytes + 65536, 2 * document.size_bytes):
        path.write_bytes(whole.ljust(container_size(size_bytes), b"\x00"))
        row = replace(document, size_bytes=size_bytes, segments=-(-size_bytes // 65536))
        await workshop.expect_refused(f"{size_bytes} bytes, row too", row, Damage.SEGMENT)
    path.write_bytes(whole)


async def reorder(workshop: Workshop, document: SealedDocument) -> None:
    whole = workshop.path(document).read_bytes()
    pieces = [
        whole[segment_offset(index) : segment_offset(index + 1)] for index in range(document.segments - 1)
    ]
    for index in range(len(pieces) - 1):
        swapped = pieces[index + 1] + pieces[index]
        await workshop.overwrite(document, segment_offset(index), swapped, Damage.SEGMENT, label="swapped")
        await workshop.overwrite(
            document, segment_offset(index), pieces[index + 1], Damage.SEGMENT, label="doubled"
        )
    reversed_body = b"".join(reversed(pieces))
    await workshop.overwrite(document, PREAMBLE_BYTES, reversed_body, Damage.SEGMENT, label="reversed")


async def splice_from_another(workshop: Workshop, document: SealedDocument) -> None:
    """Parts of other containers of the same size: another job's or document's, an older one."""
    name = workshop.path(document)
    whole = name.read_bytes()
    name.unlink()
    older = await workshop.seal(job_id=document.job_id)
    sources = [
        (await workshop.seal(), Damage.IDENTITY),
        (await workshop.seal(job_id=document.job_id, number=2), Damage.IDENTITY),
        (older, Damage.COMMITMENT),
    ]
    contents = [(workshop.path(source).read_bytes(), damage) for source, damage in sources]
    for foreign, damage in contents:
        name.write_bytes(foreign)
        await workshop.expect_refused("another whole container", document, damage)
        name.write_bytes(whole)
        await workshop.overwrite(document, 0, foreign[:PREAMBLE_BYTES], damage, label="head")
        await workshop.overwrite(document, 56, foreign[56:88], Damage.COMMITMENT, label="salt")
        await workshop.overwrite(document, 88, foreign[88:120], Damage.COMMITMENT, label="commitment")
        for index in range(document.segments):
            start, end = segment_offset(index), segment_offset(index + 1)
            await workshop.overwrite(document, start, foreign[start:end], Damage.SEGMENT, label="segment")


async def swap_wrapped_keys(workshop: Workshop, document: SealedDocument) -> None:
    others = [await workshop.seal(), await workshop.seal(job_id=document.job_id, number=2)]
    for other in others:
        await workshop.expect_refused("key", replace(document, wrapped_key=other.wrapped_key), Damage.KEY)
        row = replace(document, job_id=other.job_id, number=other.number)
        await workshop.expect_refused("name", row, Damage.KEY)
        swapped = replace(other, wrapped_key=document.wrapped_key)
        await workshop.expect_refused("key the other way", swapped, Damage.KEY)
    for place in range(len(document.wrapped_key)):
        changed = bytearray(document.wrapped_key)
        changed[place] ^= 1 << place % 8
        await workshop.expect_refused(
            "flipped key", replace(document, wrapped_key=bytes(changed)), Damage.KEY
        )


async def zero_blocks(workshop: Workshop, document: SealedDocument) -> None:
    """What a disk gives after it lost a block: zeros in 4 KiB pieces."""
    for offset in range(0, container_size(document.size_bytes) - 4096, 65536 - 4096):
        refused = Damage.HEADER if offset == 0 else Damage.SEGMENT
        await workshop.overwrite(document, offset, bytes(4096), refused, label="zeroed")


# Each with the least number of changes it must have made, so that no loop is empty by mistake.
MANIPULATIONS: list[tuple[Manipulation, int]] = [
    (flip_every_header_byte, 120),
    (flip_in_every_segment, SEGMENTS * FLIPS_PER_SEGMENT),
    (truncate_everywhere, 100),
    (truncate_with_a_row_that_agrees, SEGMENTS - 1),
    (append, 5),
    (append_with_a_row_that_agrees, 3),
    (reorder, 39),
    (splice_from_another, 75),
    (swap_wrapped_keys, 66),
    (zero_blocks, 21),
]


@pytest.mark.parametrize(
    ("manipulate", "least"), MANIPULATIONS, ids=[item[0].__name__ for item in MANIPULATIONS]
)
async def test_every_manipulation_is_refused(
    workshop: Workshop, manipulate: Manipulation, least: int
) -> None:
    document = await workshop.seal()
    whole = workshop.path(document).read_bytes()
    assert document.segments == SEGMENTS
    assert isinstance(await workshop.first_bytes(document), bytes)
    await manipulate(workshop, document)
    assert workshop.undetected == []
    assert workshop.tried >= least
    # The tools put everything back, so it was the manipulation that was refused.
    assert workshop.path(document).read_bytes() == whole
    assert isinstance(await workshop.first_bytes(document), bytes)


async def test_two_swapped_containers_are_both_refused(workshop: Workshop) -> None:
    one, two = await workshop.seal(), await workshop.seal()
    first, second = workshop.path(one), workshop.path(two)
    first_content, second_content = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_content)
    second.write_bytes(first_content)
    assert await workshop.first_bytes(one) is Damage.IDENTITY
    assert await workshop.first_bytes(two) is Damage.IDENTITY


async def test_a_missing_container_is_damage(workshop: Workshop) -> None:
    document = await workshop.seal()
    workshop.path(document).unlink()
    assert await workshop.first_bytes(document) is Damage.MISSING


@pytest.mark.parametrize("size_bytes", [0, 1, 5000])
async def test_a_container_in_a_row_is_checked_like_one_in_a_file(
    workshop: Workshop, size_bytes: int
) -> None:
    document = await workshop.seal(size_bytes)
    assert document.inline is not None
    for place in range(0, len(document.inline), 1 if size_bytes < 5000 else 7):
        changed = bytearray(document.inline)
        changed[place] ^= 1 << place % 8
        await workshop.expect_refused(f"flip {place}", replace(document, inline=bytes(changed)))
    for inline in (b"", document.inline[:-1], document.inline + b"\x00", document.inline * 2):
        await workshop.expect_refused(f"{len(inline)} bytes", replace(document, inline=inline), Damage.SIZE)
    # A row whose inline bytes are gone looks for a file, and there is none.
    await workshop.expect_refused("no inline", replace(document, inline=None), Damage.MISSING)
    assert workshop.undetected == []


async def test_what_follows_a_container_in_its_file_is_nothing_or_zeros(workshop: Workshop) -> None:
    """Up to the next page, that is; a file without them is as good."""
    document = await workshop.seal()
    path, end = workshop.path(document), container_size(document.size_bytes)
    whole = path.read_bytes()
    assert len(whole) == padded_size(end) > end
    for place in (end, len(whole) - 1):
        path.write_bytes(whole[:place] + b"\x01" + whole[place + 1 :])
        assert await workshop.first_bytes(document) is Damage.SIZE
        with pytest.raises(DamagedContainer) as caught:
            await _read_as_it_goes(workshop, document, bytearray())
        assert caught.value.damage is Damage.SIZE
    for length in (end + 1, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert await workshop.first_bytes(document) is Damage.SIZE
    path.write_bytes(whole[:end])
    assert isinstance(await workshop.first_bytes(document), bytes)
    # A row that says one byte more or less is found out by the last tag.
    for change in (-1, 1):
        row = replace(document, size_bytes=document.size_bytes + change)
        path.write_bytes(whole)
        assert await workshop.first_bytes(row) in {Damage.SEGMENT, Damage.SIZE}


async def test_a_container_in_a_row_is_followed_by_nothing(workshop: Workshop) -> None:
    document = await workshop.seal(5000)
    assert document.inline is not None
    longer = document.inline.ljust(padded_size(len(document.inline)), b"\x00")
    assert await workshop.first_bytes(replace(document, inline=longer)) is Damage.SIZE


async def test_rows_that_cannot_be_are_refused(workshop: Workshop) -> None:
    document = await workshop.seal()
    for row in (
        replace(document, segments=SEGMENTS - 1),
        replace(document, size_bytes=document.size_bytes + 4096),
        replace(document, size_bytes=-1),
        replace(document, size_bytes=1 << 41),
    ):
        assert await workshop.first_bytes(row) is Damage.SIZE


async def test_another_store_key_opens_nothing(workshop: Workshop) -> None:
    document = await workshop.seal()
    stranger = HoldStore(workshop.root, Keyring.from_bytes(bytes(range(1, 33))))
    async with stranger.open(document) as reader:
        with pytest.raises(DamagedContainer) as caught:
            await reader.verify()
    assert caught.value.damage is Damage.KEY


async def test_what_is_begun_without_verifying_all_hands_on_nothing_that_was_changed(
    workshop: Workshop,
) -> None:
    """A damaged segment ends the document before it; so does a missing end."""
    document = await workshop.seal()
    path = workshop.path(document)
    async with workshop.store.open(document) as reader:
        whole = b"".join([chunk async for chunk in reader.chunks()])
    for damaged in (0, 5, 17, SEGMENTS - 1):
        content = bytearray(path.read_bytes())
        content[segment_offset(damaged) + 7] ^= 1
        path.write_bytes(content)
        got = bytearray()
        with pytest.raises(DamagedContainer) as caught:
            await _read_as_it_goes(workshop, document, got)
        assert caught.value.damage is Damage.SEGMENT
        assert whole.startswith(got)
        assert len(got) <= damaged * 65536
        content[segment_offset(damaged) + 7] ^= 1
        path.write_bytes(content)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedContainer):
        await _read_as_it_goes(workshop, document, bytearray())


async def _read_as_it_goes(workshop: Workshop, document: SealedDocument, into: bytearray) -> None:
    async with workshop.store.open(document) as reader:
        await reader.begin()
        async for chunk in reader.chunks():
            into += chunk


async def test_the_last_range_of_a_long_document_is_checked_to_its_last_byte(workshop: Workshop) -> None:
    """Damage at the edges of what one thread reads at a time is found like any other."""
    for segments in (SCAN_SEGMENTS, 2 * SCAN_SEGMENTS, 2 * SCAN_SEGMENTS + 1):
        document = await workshop.seal(segments * 65536)
        path = workshop.path(document)
        whole = path.read_bytes()
        for index in {0, SCAN_SEGMENTS - 1, segments - 1}:
            for place in (segment_offset(index), segment_offset(index + 1) - 1):
                content = bytearray(whole)
                content[place] ^= 0x80
                path.write_bytes(content)
                assert await workshop.first_bytes(document) is Damage.SEGMENT
        path.write_bytes(whole)
        assert isinstance(await workshop.first_bytes(document), bytes)
