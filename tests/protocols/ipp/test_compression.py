"""Compressed documents: every piece given back, and bombs, rests and lies refused early and cheaply."""

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from protocols.errors import RemoteProtocolError
from protocols.ipp.compression import Inflater
from protocols.limits import KIB, MIB, CompressionLimits

LIMITS = CompressionLimits()
TEXT = b"A line of text that comes again and again.\n" * 20_000
NOISE = os.urandom(300_000)


def raw(data: bytes) -> bytes:
    """RFC 1951 without a header, with the small window that CUPS uses."""
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -11)
    return squeezer.compress(data) + squeezer.flush()


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "raw": ("deflate", raw),
    "zlib": ("deflate", zlib.compress),
    "stored": ("deflate", lambda data: zlib.compress(data, 0)),
}


def drain(inflater: Inflater, data: bytes) -> None:
    """Ask for everything and keep nothing."""
    for piece in inflater.receive_data(data):
        assert len(piece) <= LIMITS.max_piece_bytes


def inflate(method: str, data: bytes, *, step: int = 64 * KIB, limits: CompressionLimits = LIMITS) -> bytes:
    inflater = Inflater(method, limits)
    pieces: list[bytes] = []
    for start in range(0, len(data), step):
        pieces += inflater.receive_data(data[start : start + step])
    pieces += inflater.finish()
    assert all(0 < len(piece) <= limits.max_piece_bytes for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("content", [TEXT, NOISE, b"x"], ids=["text", "noise", "one"])
def test_a_document_comes_back_whole(way: str, content: bytes) -> None:
    method, compress = WAYS[way]
    compressed = compress(content)
    for step in (len(compressed), 1_000, 7):
        assert inflate(method, compressed, step=step) == content


@pytest.mark.parametrize("way", WAYS)
def test_byte_by_byte(way: str) -> None:
    method, compress = WAYS[way]
    assert inflate(method, compress(b"short, but in pieces"), step=1) == b"short, but in pieces"


@pytest.mark.parametrize("way", WAYS)
def test_every_cut_is_seen(way: str) -> None:
    method, compress = WAYS[way]
    compressed = compress(b"Three pages, or so it seemed. " * 4)
    for end in range(1, len(compressed)):
        with pytest.raises(RemoteProtocolError):
            inflate(method, compressed[:end])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rest", [b"\0", b"rest", gzip.compress(b"second", mtime=0)])
def test_nothing_may_follow(way: str, rest: bytes) -> None:
    method, compress = WAYS[way]
    for step in (1, 64 * KIB):
        with pytest.raises(RemoteProtocolError, match="behind the end"):
            inflate(method, compress(b"all of it") + rest, step=step)


@pytest.mark.parametrize("method", ["gzip", "deflate"])
def test_what_is_not_compressed_is_refused(method: str) -> None:
    for content in (b"%PDF-1.7 and so on", b"\xff" * 100, NOISE):
        with pytest.raises(RemoteProtocolError):
            inflate(method, content)


@pytest.mark.parametrize("way", ["gzip", "zlib"])
def test_a_damaged_byte_is_seen_by_the_checksum(way: str) -> None:
    method, compress = WAYS[way]
    compressed = bytearray(compress(TEXT[:4000]))
    compressed[-6] ^= 0x55
    with pytest.raises(RemoteProtocolError):
        inflate(method, bytes(compressed))


def test_nothing_at_all_is_an_empty_document() -> None:
    for method in ("gzip", "deflate"):
        assert inflate(method, b"") == b""


def test_a_bomb_is_refused_soon_and_costs_little_memory() -> None:
    """64 MiB of bomb say 64 GiB; it is over after the plaintext that is free of the ratio, and some."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezer.compress(bytes(MIB)) for _ in range(64)) + squeezer.flush()
    inflater = Inflater("gzip", LIMITS)
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError, match="grows"):
            drain(inflater, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    allowed = LIMITS.free_bytes + LIMITS.max_ratio * len(bomb) + LIMITS.max_piece_bytes
    assert inflater.given_bytes <= allowed
    assert peak < 4 * MIB


def test_what_is_free_of_the_ratio_may_shrink_as_it_likes() -> None:
    blank = bytes(LIMITS.free_bytes)
    assert inflate("gzip", gzip.compress(blank)) == blank
    tight = CompressionLimits(free_bytes=100_000, max_ratio=2)
    with pytest.raises(RemoteProtocolError, match="grows"):
        inflate("gzip", gzip.compress(bytes(200_000)), limits=tight)


def test_empty_blocks_without_end_are_refused() -> None:
    """Each says nothing: an upload that never gets anywhere must end (RFC 1951 3.2.4)."""
    endless = b"\0\0\0\xff\xff" * 200_000
    inflater = Inflater("deflate", LIMITS)
    with pytest.raises(RemoteProtocolError, match="mostly empty"):
        drain(inflater, endless)
    assert inflater.given_bytes == 0
