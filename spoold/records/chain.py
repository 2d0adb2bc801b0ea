"""The audit chain's arithmetic: canonical JSON and linked SHA-256 (docs/formats.md, audit chain). Pure."""

import hashlib
import json
from collections.abc import Mapping

# json.dumps would make one anew for every entry.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
GENESIS = hashlib.sha256(b"spoold/audit/v1").digest()


def canonical_json(entry: Mapping[str, object]) -> str:
    """Return the one JSON text of an entry: sorted keys, no spaces, UTF-8 as it is."""
    return _CANONICAL.encode(entry)


def link(previous: bytes, entry: str) -> bytes:
    """Return the hash of an entry that follows `previous`."""
    return hashlib.sha256(previous + entry.encode()).digest()
