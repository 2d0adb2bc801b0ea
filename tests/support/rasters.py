"""Makes and unpacks raster documents, slowly and from the specification, to compare the walker with."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from protocols.raster.headers import (
    PWG_FORMAT,
    PWG_MAGIC,
    PWG_PAGE_BYTES,
    URF_FILE_BYTES,
    URF_PAGE_BYTES,
    PageHeader,
    PageSettings,
    Space,
    read_pwg_page,
    read_urf_page,
    write_pwg_page,
    write_urf_file,
    write_urf_page,
)

WHITE = 255


@dataclass(frozen=True)
class Page:
    """One page: what it says it is, and its dots, line by line."""

    header: PageHeader
    lines: tuple[bytes, ...]


def header(width: int, height: int, space: Space = Space.SGRAY, *, dots: int = 300) -> PageHeader:
    """Describe a page."""
    bits, colors = {Space.BLACK: (1, 1), Space.SGRAY: (8, 1), Space.SRGB: (24, 3)}[space]
    return PageHeader(width, height, bits, space, colors, (dots, dots))


def document(kind: str, pages: Sequence[Page], settings: PageSettings | None = None) -> bytes:
    """Pack pages into a document."""
    settings = settings or PageSettings()
    out = PWG_MAGIC if kind == PWG_FORMAT else write_urf_file(len(pages))
    for page in pages:
        write = write_pwg_page if kind == PWG_FORMAT else write_urf_page
        out += write(page.header, settings) + packed(page.lines, page.header.unit_bytes)
    return out


def packed(lines: Sequence[bytes], unit: int) -> bytes:
    """Pack lines: equal lines together, equal units together, others one by one or as they are."""
    out, at = b"", 0
    while at < len(lines):
        repeat = 1
        while repeat < 256 and at + repeat < len(lines) and lines[at + repeat] == lines[at]:
            repeat += 1
        out += bytes([repeat - 1]) + _packed_line(lines[at], unit)
        at += repeat
    return out


def _packed_line(line: bytes, unit: int) -> bytes:
    units = [line[start : start + unit] for start in range(0, len(line), unit)]
    out, at = b"", 0
    while at < len(units):
        equal = 1
        while equal < 128 and at + equal < len(units) and units[at + equal] == units[at]:
            equal += 1
        if equal > 1:
            out += bytes([equal - 1]) + units[at]
            at += equal
            continue
        other = 1
        while other < 128 and at + other < len(units) and units[at + other] != units[at + other - 1]:
            other += 1
        out += (
            bytes([0]) + units[at] if other == 1 else bytes([257 - other]) + b"".join(units[at : at + other])
        )
        at += other
    return out


def unpacked(octets: bytes) -> list[Page]:
    """Unpack a document of either format completely."""
    pages, total = [], 0
    is_pwg = octets.startswith(PWG_MAGIC)
    at = len(PWG_MAGIC) if is_pwg else URF_FILE_BYTES
    if not is_pwg:
        (total,) = struct.unpack(">I", octets[8:12])
    while at < len(octets):
        if is_pwg:
            head = read_pwg_page(octets[at : at + PWG_PAGE_BYTES])
            at += PWG_PAGE_BYTES
        else:
            head = read_urf_page(octets[at : at + URF_PAGE_BYTES], total)
            at += URF_PAGE_BYTES
        lines: list[bytes] = []
        while len(lines) < head.height:
            repeat, at = octets[at] + 1, at + 1
            line, at = _unpacked_line(octets, at, head)
            lines += [line] * repeat
        pages.append(Page(head, tuple(lines[: head.height])))
    return pages


def _unpacked_line(octets: bytes, at: int, head: PageHeader) -> tuple[bytes, int]:
    unit, line = head.unit_bytes, b""
    while len(line) < head.line_bytes:
        code, at = octets[at], at + 1
        if code == 128:
            line += bytes([WHITE]) * (head.line_bytes - len(line))
        elif code > 128:
            count = (257 - code) * unit
            line, at = line + octets[at : at + count], at + count
        else:
            line, at = line + octets[at : at + unit] * (code + 1), at + unit
    return line, at
