"""The store key and what it wraps: with sealing.py and archive_key.py, the only door to `cryptography`."""

import hashlib
import hmac
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdstore import durable
from holdstore.archive_key import ArchiveKey
from holdstore.container import KEK_ID_BYTES
from holdstore.errors import Damage, DamagedContainer, KeyUnavailable, store_error

KEK_BYTES = 32
# 64 hex digits and a line end; one byte more is read so that a longer file is noticed.
_MAX_FILE_BYTES = 2 * KEK_BYTES + 2
NONCE_BYTES = 12
WRAPPED_KEY_BYTES = NONCE_BYTES + 32 + 16
# Random 96-bit nonces allow 2^32 uses of one key (NIST SP 800-38D 8.3); half is kept in reserve.
MAX_WRAPS = 1 << 31

_WRAP_INFO = b"spoold/wrap/v1"
_DERIVE_SALT = b"spoold/derive/v1"


class Keyring:
    """The active store key (KEK), and older ones that still open what they wrapped.

    Args:
        active: the 32-byte key that wraps from now on.
        older: keys that only unwrap, until every row is wrapped anew.
        wraps: how many keys the active one has wrapped before, for MAX_WRAPS.

    Raises:
        KeyUnavailable: a key is not 32 bytes, or plainly no key.
    """

    def __init__(self, active: bytes, *, older: Sequence[bytes] = (), wraps: int = 0) -> None:
        self._keys = tuple((_kek_id(key), AESGCM(key)) for key in map(_plausible, (active, *older)))
        # RFC 5869 2.2, HKDF-Extract: what other keys are made from, apart from what wraps.
        self._roots = tuple(hmac.digest(_DERIVE_SALT, key, hashlib.sha256) for key in (active, *older))
        self._wraps = wraps

    @classmethod
    def from_bytes(cls, kek: bytes, *, older: Sequence[bytes] = (), wraps: int = 0) -> Self:
        """A keyring of keys already in memory (32 bytes each)."""
        return cls(kek, older=older, wraps=wraps)

    @classmethod
    def from_file(cls, path: Path, *, credential: bool = False, wraps: int = 0) -> Self:
        """A keyring from a file of 32 raw bytes or 64 hex digits.

        Args:
            path: a regular file, not a link, mode 0600 or stricter, owned by the effective user or root.
            credential: the file lies in systemd's credentials directory: any owner, and the group's read
                bit may be the mask of an access list that names this service.
            wraps: as for the class.

        Raises:
            KeyUnavailable: the file is not there, not safe or not a key.
        """
        return cls(read_key_file(path, credential=credential), wraps=wraps)

    def __repr__(self) -> str:
        return f"<Keyring {self.kek_id.hex()}, {len(self._keys) - 1} older>"

    @property
    def kek_id(self) -> bytes:
        """The active key's public name: 16 bytes of a hash."""
        return self._keys[0][0]

    @property
    def kek_ids(self) -> tuple[bytes, ...]:
        """The names of all keys, the active one first."""
        return tuple(kek_id for kek_id, _ in self._keys)

    @property
    def wraps(self) -> int:
        """How many keys the active one has wrapped, as far as this object knows."""
        return self._wraps

    def derive(self, purpose: bytes) -> tuple[bytes, ...]:
        """Keys of 32 bytes for another purpose, one of each store key, the active one's first.

        HKDF-SHA-256 (RFC 5869): nobody gets from such a key to the store key, or to one of another purpose.

        Args:
            purpose: the "info" of HKDF, such as b"spoold/badge/v1".
        """
        return tuple(hmac.digest(root, purpose + b"\x01", hashlib.sha256) for root in self._roots)

    def wrap(self, dek: bytes, job_id: UUID, number: int) -> bytes:
        """Wrap a document key (or, with number 0, a job's own key) for its database row.

        Raises:
            KeyUnavailable: the store key has wrapped so many keys that it must be replaced.
        """
        if self._wraps >= MAX_WRAPS:
            raise KeyUnavailable("the store key has wrapped too many keys; rotate it")
        self._wraps += 1
        kek_id, cipher = self._keys[0]
        nonce = os.urandom(NONCE_BYTES)
        return nonce + cipher.encrypt(nonce, dek, _wrap_aad(kek_id, job_id, number))

    def unwrap(self, wrapped: bytes, job_id: UUID, number: int) -> bytes:
        """The key that wrap was given, for the same job and number.

        Raises:
            DamagedContainer: KEY. It was changed, belongs elsewhere, or none of these keys wrapped it.
        """
        if len(wrapped) == WRAPPED_KEY_BYTES:
            nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
            for kek_id, cipher in self._keys:
                try:
                    return cipher.decrypt(nonce, sealed, _wrap_aad(kek_id, job_id, number))
                except InvalidTag:
                    continue
        raise DamagedContainer(
            Damage.KEY, "the wrapped key is damaged, belongs elsewhere, or is under another store key"
        )

    def rewrap(self, wrapped: bytes, job_id: UUID, number: int) -> bytes:
        """The same key wrapped by the active store key; the container stays as it is."""
        return self.wrap(self.unwrap(wrapped, job_id, number), job_id, number)

    def wrap_for_archive(self, wrapped: bytes, job_id: UUID, number: int, key: ArchiveKey) -> bytes:
        """The same key, wrapped a second time: for whoever has the private half of an archive key."""
        return key.wrap(self.unwrap(wrapped, job_id, number), job_id, number)


def read_key_file(path: Path, *, credential: bool = False) -> bytes:
    """The 32 bytes of a store key file; see Keyring.from_file."""
    try:
        # O_NONBLOCK: opening a pipe must not wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise KeyUnavailable(f"cannot open the store key {path}: {error.strerror}") from error
    try:
        _check_status(os.fstat(fd), path, credential=credential)
        content = durable.read_at(fd, 0, _MAX_FILE_BYTES)
    except OSError as error:
        raise KeyUnavailable(f"cannot read the store key {path}: {error.strerror}") from error
    finally:
        os.close(fd)
    return _parse(content, path)


def generate_key_file(path: Path) -> bytes:
    """Write a new store key as 64 hex digits, mode 0600, durable; returns its kek_id.

    Raises:
        KeyUnavailable: the file exists (a key is never overwritten) or cannot be written.
    """
    key = os.urandom(KEK_BYTES)
    try:
        durable.write_new_file(path, key.hex().encode("ascii") + b"\n")
    except FileExistsError:
        raise KeyUnavailable(f"{path} exists; a store key is never overwritten") from None
    except OSError as error:
        raise KeyUnavailable(str(store_error(error, f"write the store key {path}"))) from error
    return _kek_id(key)


def _check_status(status: os.stat_result, path: Path, *, credential: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnavailable(f"the store key {path} is not a regular file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & (0o037 if credential else 0o077):
        raise KeyUnavailable(f"the store key {path} has mode {mode:04o}; others must have no access (0600)")
    if not credential and status.st_uid not in (os.geteuid(), 0):
        raise KeyUnavailable(
            f"the store key {path} belongs to uid {status.st_uid}, not to this service or root"
        )


def _parse(content: bytes, path: Path) -> bytes:
    if len(content) == KEK_BYTES:
        return _plausible(content)
    digits = content.removesuffix(b"\n")
    if len(digits) == 2 * KEK_BYTES:
        try:
            return _plausible(bytes.fromhex(digits.decode("ascii")))
        except ValueError:
            pass
    raise KeyUnavailable(f"the store key {path} holds neither 32 bytes nor 64 hex digits")


def _plausible(key: bytes) -> bytes:
    if len(key) != KEK_BYTES:
        raise KeyUnavailable(f"a store key has {KEK_BYTES} bytes, this one {len(key)}")
    # What a file is full of after a power cut or a copy error, never what a generator gave.
    if len(set(key)) == 1:
        raise KeyUnavailable("the store key is one byte repeated; the file was not written completely")
    return key


def _kek_id(kek: bytes) -> bytes:
    return hashlib.sha256(b"kid" + kek).digest()[:KEK_ID_BYTES]


def _wrap_aad(kek_id: bytes, job_id: UUID, number: int) -> bytes:
    return _WRAP_INFO + kek_id + job_id.bytes + number.to_bytes(2, "big")
