"""Reads the newest entries of the audit chain, for people who look at them."""

import json
from typing import Any

from sqlalchemy import Connection

from spoold.database import people, records

# What somebody reads at once; who wants more reads the chain itself.
MAX_ENTRIES = 1_000


def latest(connection: Connection, *, last: int, kind: str = "") -> list[dict[str, Any]]:
    """Return entries, the oldest first, with the names of the accounts that they speak of.

    Args:
        last: how many at most.
        kind: only entries of this kind, such as "sign-in-failed".
    """
    entries = records.latest_audit(connection, min(max(last, 1), MAX_ENTRIES), kind)
    names = {user.id: user.name for user in people.list_users(connection)}
    found = []
    for text in reversed(entries):
        entry: dict[str, Any] = json.loads(text)
        entry["names"] = {key: names[entry[key]] for key in ("actor", "user") if entry.get(key) in names}
        found.append(entry)
    return found
