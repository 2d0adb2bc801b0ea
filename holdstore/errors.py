"""What can go wrong in the hold store; every error of this package is a HoldStoreError."""

# ruff: noqa: N818 - these names say what is the case, as the words of a message do.

import errno
from enum import StrEnum

# Both mean that the medium has no room for this document; other errors mean that it cannot be trusted.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Damage(StrEnum):
    """Which check a container failed: the failure classes of docs/formats.md 1.5 and 2."""

    MISSING = "missing"
    SIZE = "size"
    KEY = "key"
    HEADER = "header"
    IDENTITY = "identity"
    COMMITMENT = "commitment"
    SEGMENT = "segment"
    PRIVATE = "private"


class HoldStoreError(Exception):
    """Base of all errors of the hold store; the message names no document and no key."""


class DamagedContainer(HoldStoreError):
    """What was stored is not what comes back: the document must be set aside and never printed.

    Args:
        damage: the check that failed.
        message: what was found, in words for an operator.
    """

    def __init__(self, damage: Damage, message: str) -> None:
        super().__init__(message)
        self.damage = damage


class KeyUnavailable(HoldStoreError):
    """The store key cannot be had or must not be used any more; nothing can be sealed or opened."""


class DocumentTooLarge(HoldStoreError):
    """The document is longer than the store accepts; its sender is told, nothing was kept."""


class StoreFull(HoldStoreError):
    """The medium has no room; what was written of this document is gone, later ones may fit."""


class StoreFailed(HoldStoreError):
    """The medium refused a read or a write; the document in hand is not stored."""


def store_error(cause: OSError, action: str) -> StoreFull | StoreFailed:
    """The hold store's error for an operating system error met while doing `action`."""
    reason = cause.strerror or type(cause).__name__
    name = errno.errorcode.get(cause.errno or 0, "unknown")
    kind = StoreFull if cause.errno in _NO_ROOM else StoreFailed
    return kind(f"cannot {action}: {reason} ({name})")
