"""How the two halves of an archive key are written: hex digits with a check, so that a slip is noticed.

A store key with a slip opens nothing and is found out at once; a public key with one would go on taking
copies that nobody can ever open (docs/formats.md 10).
"""

import hashlib
import hmac

KEY_BYTES = 32
CHECK_BYTES = 4
PUBLIC_PREFIX = "spoold-archive-1:"
SECRET_PREFIX = "spoold-archive-secret-1:"  # noqa: S105 - what stands before one
_KEY_ID_BYTES = 16


def write_public(key: bytes) -> str:
    """Return the text of a public half (32 bytes)."""
    return _write(PUBLIC_PREFIX, key)


def write_secret(key: bytes) -> str:
    """Return the text of a private half (32 bytes)."""
    return _write(SECRET_PREFIX, key)


def parse_public(text: str) -> bytes:
    """Return the public half that a text stands for.

    Raises:
        ValueError: it is no such text, or has a slip; the message says which and repeats nothing.
    """
    if text.startswith(SECRET_PREFIX):
        raise ValueError("this is the private half, which must stay with whoever reads the archive")
    return _parse(PUBLIC_PREFIX, text)


def parse_secret(text: str) -> bytes:
    """Return the private half that a text stands for.

    Raises:
        ValueError: as `parse_public`.
    """
    if text.startswith(PUBLIC_PREFIX):
        raise ValueError("this is the public half, with which nothing can be opened")
    return _parse(SECRET_PREFIX, text)


def key_id(public: bytes) -> bytes:
    """Return the name of an archive key: the first 16 bytes of SHA-256("archive" || public half)."""
    return hashlib.sha256(b"archive" + public).digest()[:_KEY_ID_BYTES]


def _write(prefix: str, key: bytes) -> str:
    return f"{prefix}{key.hex()}:{_check(prefix, key)}"


def _parse(prefix: str, text: str) -> bytes:
    body = text.removeprefix(prefix)
    digits, colon, check = body.partition(":")
    if body == text or not colon or len(digits) != 2 * KEY_BYTES or len(check) != 2 * CHECK_BYTES:
        raise ValueError(f'must begin with "{prefix}" and be copied whole')
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        raise ValueError("has something else than hex digits in it") from None
    if not hmac.compare_digest(_check(prefix, key).encode(), check.encode()):
        raise ValueError("was not copied exactly: its last 8 digits do not fit the others")
    return key


def _check(prefix: str, key: bytes) -> str:
    return hashlib.sha256(prefix.encode("ascii") + key).hexdigest()[: 2 * CHECK_BYTES]
