"""Distinguished names (RFC 4514): what they say, however a server chooses to escape it."""

import re

from policy.folding import fold

# RFC 4514 2.4, 3: a pair of a backslash and two hexadecimal digits is an octet, with any other character that
# character; RFC 2253 4 lets a value stand in quotes, which people still write.
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2})|\\([^0-9A-Fa-f])", re.DOTALL)
_TYPE = re.compile(r"\s*(?:OID\.)?([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)\s*=\s*", re.IGNORECASE)
_HEX = re.compile(r"#((?:[0-9A-Fa-f]{2})+)\s*(?=[,+;]|$)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?=[,+;]|$)', re.DOTALL)
_PLAIN = re.compile(r'((?:[^",+;\\]|\\.)*)(?=[,+;]|$)', re.DOTALL)
# X.690 8.21, 8.23: the octets of these are text: OCTET, UTF8, Printable, Teletex and IA5 STRING.
_TEXT_TAGS = frozenset({0x04, 0x0C, 0x13, 0x14, 0x16})
# What would move a cursor, end a line or a record, in every list of groups.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Part = tuple[str, str]
"""An attribute's name, and its value."""


def read_dn(dn: str) -> list[list[Part]] | None:
    """Return a name's parts as they are meant, from the entry to the root; None if it is not one.

    Each part is a list, because an entry may be named by several attributes at once.
    """
    found: list[list[Part]] = [[]]
    at = 0
    while True:
        kind = _TYPE.match(dn, at)
        value = None if kind is None else _value_at(dn, kind.end())
        if kind is None or value is None:
            return None
        text, at = value
        found[-1].append((kind[1].lower(), text))
        if at == len(dn):
            return found
        if dn[at] != "+":
            found.append([])
        at += 1


def parts_of(dn: str) -> tuple[frozenset[Part], ...] | None:
    """Return the parts of a distinguished name for comparison; None if it is not one."""
    found = read_dn(dn)
    if found is None:
        return None
    return tuple(frozenset((kind, folded(value)) for kind, value in part) for part in found)


def first_value(dn: str) -> str:
    """Return the value that a distinguished name begins with: the name of a group; empty if there is none.

    Characters that only a terminal would act on stay escaped.
    """
    found = read_dn(dn)
    if found is None:
        return ""
    return _CONTROLS.sub(lambda one: "".join(f"\\{octet:02X}" for octet in one[0].encode()), found[0][0][1])


def parent_of(dn: str) -> str:
    """Return the place that an entry lies in, as it is written; empty if there is none."""
    found = read_dn(dn)
    if found is None:
        return ""
    for at, one in enumerate(dn):
        rest = read_dn(dn[at + 1 :]) if one in ",;" else None
        if rest is not None and rest == found[1:]:
            return dn[at + 1 :].strip()
    return ""


def folded(value: str) -> str:
    """Return a value as directories compare it: case, blanks around and double ones do not count."""
    return " ".join(fold(value).split())


def _value_at(dn: str, start: int) -> tuple[str, int] | None:
    """Return the value that begins there and where it ends."""
    encoded = _HEX.match(dn, start)
    if encoded is not None:
        return _decoded(encoded[1]), encoded.end()
    quoted = _QUOTED.match(dn, start)
    if quoted is not None:
        return _unescaped(quoted[1]), quoted.end()
    plain = _PLAIN.match(dn, start)
    if plain is None or plain[1].startswith("#"):
        return None
    # A blank at the end is one of the value's only where it is escaped.
    bare = plain[1].rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return _unescaped(bare + " " if escapes % 2 and bare != plain[1] else bare), plain.end()


def _unescaped(text: str) -> str:
    octets = bytearray()
    at = 0
    for pair in _ESCAPED.finditer(text):
        octets += text[at : pair.start()].encode("utf-8", "surrogatepass")
        octets += bytes.fromhex(pair[1]) if pair[1] else pair[2].encode("utf-8", "surrogatepass")
        at = pair.end()
    octets += text[at:].encode("utf-8", "surrogatepass")
    return octets.decode("utf-8", "backslashreplace")


def _decoded(digits: str) -> str:
    """Return the text of a value that is given as BER in hexadecimal digits, or those as they are."""
    octets = bytes.fromhex(digits)
    if len(octets) >= 2 and octets[0] in _TEXT_TAGS and octets[1] < 0x80 and octets[1] == len(octets) - 2:
        return octets[2:].decode("utf-8", "backslashreplace")
    return f"#{digits.lower()}"
