"""Identifiers: how jobs, people and attempts are named, and how names are made comparable."""

import os
import unicodedata
import uuid
from typing import NewType

JobId = NewType("JobId", uuid.UUID)
UserId = NewType("UserId", str)

# A claimed name is shown on lists and compared; longer ones are RFC 8011's limit for `name` (5.1.3).
MAX_NAME_CHARACTERS = 255


def new_job_id() -> JobId:
    """Return a random 128-bit job id: it cannot be guessed, so it may stand in URLs."""
    return JobId(uuid.uuid4())


def new_token() -> str:
    """Return 128 random bits as 32 hex digits, for grants and for finding a job again at a printer."""
    return os.urandom(16).hex()


def canonical_name(name: str) -> str:
    """Return the one form in which user names are stored and compared (NFKC, case folded, trimmed).

    Two names that differ only in case or in compatibility characters are the same person; the
    result is stable: `canonical_name(canonical_name(x)) == canonical_name(x)`.
    """
    # What no UTF-8 can say can be nobody's name, and must not reach a database or a log.
    name = name.encode("utf-8", "replace").decode("utf-8")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())
    return folded.strip()[:MAX_NAME_CHARACTERS].strip()


def short_id(job_id: uuid.UUID) -> str:
    """Return the first eight hex digits of a job id, for people to read out."""
    return job_id.hex[:8]
