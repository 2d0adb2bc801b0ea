"""Sealing and opening of segments and private words.

With keyring.py and archive_key.py, the only door to `cryptography`.
"""

import hmac
import json
import os
from collections.abc import Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from holdstore.container import (
    COMMITMENT_BYTES,
    HEADER_BYTES,
    PREAMBLE_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    Buffer,
    Header,
    decode_header,
    segment_aad,
    segment_nonce,
)
from holdstore.errors import Damage, DamagedContainer

KEY_BYTES = 32
NONCE_BYTES = 12
PRIVATE_VERSION = 1
# Titles are at most 1 KiB on the wire; 64 KiB leaves room for every private word of a job together.
MAX_PRIVATE_BYTES = 64 * 1024
# The sealed length shows a title's length only to the next multiple of this.
PRIVATE_PADDING_BYTES = 64

_BLOB_INFO = b"spoold/blob/v1\x00"
_META_INFO = b"spoold/meta/v1"


def new_key() -> bytes:
    """A fresh document key (DEK): 32 bytes from the kernel."""
    return os.urandom(KEY_BYTES)


def new_salt() -> bytes:
    """A fresh salt for a header."""
    return os.urandom(SALT_BYTES)


class SegmentCipher:
    """Seals and opens the segments of one container (docs/formats.md 1.3 and 1.4).

    Args:
        dek: the document key; it is not kept, only what is derived from it.
        header: the container's header, all of which is bound into the payload key.
    """

    __slots__ = ("_cipher", "_header", "preamble")

    def __init__(self, dek: bytes, header: Header) -> None:
        encoded = header.encode()
        payload_key, commitment = _payload_keys(dek, encoded)
        self._cipher = AESGCM(payload_key)
        self._header = header
        self.preamble = encoded + commitment

    def seal_into(self, plaintext: Buffer, index: int, *, final: bool, target: Buffer) -> None:
        """Seal one segment into `target`, which is exactly TAG_BYTES longer than the plaintext."""
        nonce = segment_nonce(index, final=final)
        aad = segment_aad(self._header.job_id, self._header.number, index, final=final)
        self._cipher.encrypt_into(nonce, plaintext, aad, target)

    def open_into(self, sealed: Buffer, index: int, *, final: bool, target: Buffer) -> None:
        """Open one segment into `target`, which is exactly TAG_BYTES shorter than the segment.

        Raises:
            DamagedContainer: SEGMENT. Then `target` holds nothing that may be used.
        """
        nonce = segment_nonce(index, final=final)
        aad = segment_aad(self._header.job_id, self._header.number, index, final=final)
        try:
            self._cipher.decrypt_into(nonce, sealed, aad, target)
        except InvalidTag:
            raise DamagedContainer(Damage.SEGMENT, f"segment {index} is not what was sealed") from None


def check_header(preamble: bytes, job_id: UUID, number: int) -> Header:
    """Read the header out of the first 120 bytes of a container, and check whose it is.

    Raises:
        DamagedContainer: HEADER or IDENTITY.
    """
    if len(preamble) != PREAMBLE_BYTES:
        raise DamagedContainer(Damage.HEADER, f"the container starts with {len(preamble)} bytes")
    header = decode_header(preamble[:HEADER_BYTES])
    if (header.job_id, header.number) != (job_id, number):
        raise DamagedContainer(Damage.IDENTITY, "the container belongs to another job or document")
    return header


def open_preamble(dek: bytes, preamble: bytes, job_id: UUID, number: int) -> SegmentCipher:
    """Check the first 120 bytes of a container against its row and its key.

    Raises:
        DamagedContainer: HEADER, IDENTITY or COMMITMENT.
    """
    header = check_header(preamble, job_id, number)
    cipher = SegmentCipher(dek, header)
    # AES-GCM does not commit to its key, so a matching tag alone would not name the one document.
    if not hmac.compare_digest(cipher.preamble[HEADER_BYTES:], preamble[HEADER_BYTES:]):
        raise DamagedContainer(Damage.COMMITMENT, "the key commitment does not match")
    return cipher


def seal_private(key: bytes, fields: Mapping[str, str], job_id: UUID) -> bytes:
    """Seal a job's private words (its title and the like) with the job's own key (docs/formats.md 2).

    Raises:
        ValueError: the words are longer than MAX_PRIVATE_BYTES.
    """
    words = json.dumps(dict(fields), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    words += b" " * (-len(words) % PRIVATE_PADDING_BYTES)
    if len(words) > MAX_PRIVATE_BYTES:
        raise ValueError(f"{len(words)} bytes of private words, at most {MAX_PRIVATE_BYTES} are kept")
    nonce = os.urandom(NONCE_BYTES)
    sealed = _meta_cipher(key).encrypt(nonce, words, _META_INFO + job_id.bytes)
    return bytes([PRIVATE_VERSION]) + nonce + sealed


def open_private(key: bytes, blob: bytes, job_id: UUID) -> dict[str, str]:
    """Open what seal_private made.

    Raises:
        DamagedContainer: PRIVATE.
    """
    start = 1 + NONCE_BYTES
    if blob[:1] != bytes([PRIVATE_VERSION]):
        raise DamagedContainer(Damage.PRIVATE, "the private words have an unknown version")
    if not TAG_BYTES <= len(blob) - start <= MAX_PRIVATE_BYTES + TAG_BYTES:
        raise DamagedContainer(Damage.PRIVATE, f"the private words have {len(blob)} bytes")
    try:
        words = _meta_cipher(key).decrypt(blob[1:start], blob[start:], _META_INFO + job_id.bytes)
    except InvalidTag:
        raise DamagedContainer(Damage.PRIVATE, "the private words are not what was sealed") from None
    # The tag proves that seal_private wrote this, so it is an object of strings.
    fields: dict[str, str] = json.loads(words)
    return fields


def _payload_keys(dek: bytes, header: bytes) -> tuple[bytes, bytes]:
    """Payload key and commitment; the DEK is uniformly random, so HKDF's extract step is left out."""
    derived = HKDFExpand(SHA256(), KEY_BYTES + COMMITMENT_BYTES, _BLOB_INFO + header).derive(dek)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]


def _meta_cipher(key: bytes) -> AESGCM:
    return AESGCM(HKDFExpand(SHA256(), KEY_BYTES, _META_INFO).derive(key))
