"""Identifiers: how jobs, people and attempts are named, and how names are made comparable."""

import os
import unicodedata
import uuid
from datetime import datetime
from functools import lru_cache
from typing import NewType

JobId = NewType("JobId", uuid.UUID)
UserId = NewType("UserId", str)

# A claimed name is shown on lists and compared; longer ones are RFC 8011's limit for `name` (5.1.3).
MAX_NAME_CHARACTERS = 255
# RFC 9562 4.1 and 4.2: four bits of version, two of variant; everything else of the id may be anything.
_VERSION_7 = 0x7 << 76 | 0x2 << 62
_VERSION_7_MASK = ~(0xF << 76 | 0x3 << 62)
_RANDOM = (1 << 80) - 1
# A request asks for the same name's form several times, and the same people come again.
KEPT_NAMES = 1024


def new_job_id(at: datetime | None = None) -> JobId:
    """Return a UUID of version 7 (RFC 9562 5.7): milliseconds, then 74 random bits.

    It cannot be guessed, so it may stand in URLs. Ids of jobs that came one after the other lie side by side
    in the database's indexes: fewer pages change with each job, however many there are.

    Args:
        at: the moment; without one the milliseconds are random as well.
    """
    value = int.from_bytes(os.urandom(16), "big")
    if at is not None:
        value = int(at.timestamp() * 1000) << 80 | value & _RANDOM
    return JobId(uuid.UUID(int=value & _VERSION_7_MASK | _VERSION_7))


def new_token() -> str:
    """Return 128 random bits as 32 hex digits, for grants and for finding a job again at a printer."""
    return os.urandom(16).hex()


@lru_cache(KEPT_NAMES)
def canonical_name(name: str) -> str:
    """Return the one form in which user names are stored and compared (NFKC, case folded, trimmed).

    Two names that differ only in case or in compatibility characters are the same person; the
    result is stable: `canonical_name(canonical_name(x)) == canonical_name(x)`.
    """
    # What no UTF-8 can say can be nobody's name, and must not reach a database or a log.
    name = name.encode("utf-8", "replace").decode("utf-8")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())
    return folded.strip()[:MAX_NAME_CHARACTERS].strip()
