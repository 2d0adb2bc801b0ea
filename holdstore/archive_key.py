"""The archive key pair: whoever has the public half can wrap a key, and only the private half unwraps it.

With keyring.py and sealing.py one of the doors to `cryptography` (docs/formats.md 10).
"""

import os
from pathlib import Path
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from holdstore import durable
from holdstore.archive_text import key_id, parse_secret, write_public, write_secret
from holdstore.errors import Damage, DamagedContainer, KeyUnavailable, store_error

# The encapsulated key, the wrapped key and its tag.
ARCHIVE_WRAP_BYTES = 32 + 32 + 16

# RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, in its base mode.
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_WRAP_INFO = b"spoold/archive-wrap/v1"
# A line of text; one byte more is read so that a longer file is noticed.
_MAX_FILE_BYTES = 256


class ArchiveKey:
    """The public half: wraps, and opens nothing.

    Args:
        public: 32 bytes (RFC 7748).

    Raises:
        KeyUnavailable: it is no point that anything can be wrapped for.
    """

    def __init__(self, public: bytes) -> None:
        self.id = key_id(public)
        try:
            self._public = X25519PublicKey.from_public_bytes(public)
            # RFC 7748 6.1: a point of small order makes no secret.
            X25519PrivateKey.generate().exchange(self._public)
        except ValueError:
            raise KeyUnavailable("this is no archive key: nothing can be wrapped for it") from None

    def __repr__(self) -> str:
        return f"<ArchiveKey {self.id.hex()}>"

    def wrap(self, dek: bytes, job_id: UUID, number: int) -> bytes:
        """Wrap a document's key (or, with number 0, the key of a job's private words): 80 bytes."""
        return _SUITE.encrypt(dek, self._public, info=_info(self.id, job_id, number))


class ArchiveSecret:
    """The private half; the daemon never has it.

    Args:
        secret: 32 bytes (RFC 7748).
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = X25519PrivateKey.from_private_bytes(secret)
        self.public = self._secret.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the file that `generate_archive_key_file` wrote.

        Raises:
            KeyUnavailable: it cannot be read, or is not such a file.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                content = durable.read_at(fd, 0, _MAX_FILE_BYTES + 1)
            finally:
                os.close(fd)
        except OSError as error:
            raise KeyUnavailable(f"cannot read the archive key {path}: {error.strerror}") from error
        try:
            return cls(parse_secret(content.decode("ascii").strip()))
        except ValueError as error:
            raise KeyUnavailable(f"the archive key {path} cannot be used: {error}") from None

    def __repr__(self) -> str:
        return f"<ArchiveSecret {self.id.hex()}>"

    def unwrap(self, wrapped: bytes, job_id: UUID, number: int) -> bytes:
        """Return the key that `ArchiveKey.wrap` was given, for the same job and number.

        Raises:
            DamagedContainer: KEY. It was changed, belongs elsewhere, or was wrapped for another archive key.
        """
        try:
            return _SUITE.decrypt(wrapped, self._secret, info=_info(self.id, job_id, number))
        except (InvalidTag, ValueError):
            raise DamagedContainer(
                Damage.KEY, "the wrapped key is damaged, belongs elsewhere, or is for another archive key"
            ) from None


def generate_archive_key_file(path: Path) -> str:
    """Write a new private half, mode 0600, durable; returns the text of its public half.

    Raises:
        KeyUnavailable: the file exists (a key is never overwritten) or cannot be written.
    """
    secret = X25519PrivateKey.generate()
    text = write_secret(secret.private_bytes_raw()) + "\n"
    try:
        durable.write_new_file(path, text.encode("ascii"))
    except FileExistsError:
        raise KeyUnavailable(f"{path} exists; an archive key is never overwritten") from None
    except OSError as error:
        raise KeyUnavailable(str(store_error(error, f"write the archive key {path}"))) from error
    return write_public(secret.public_key().public_bytes_raw())


def _info(identity: bytes, job_id: UUID, number: int) -> bytes:
    return _WRAP_INFO + identity + job_id.bytes + number.to_bytes(2, "big")
