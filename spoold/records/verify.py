"""Checks the audit chain from its first link to its last."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection

from spoold.database import records
from spoold.records.chain import GENESIS, link


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of the chain found.

    Args:
        entries: links read.
        head: hash of the last good link, in hex; note it elsewhere to detect a cut tail.
        broken_at: number of the first link that does not fit, None when all do.
        why: what is wrong with it.
    """

    entries: int
    head: str
    broken_at: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check has come; the start when made without arguments."""

    entries: int = 0
    head: bytes = GENESIS


def verify_next(connection: Connection, progress: Progress) -> Progress | ChainReport:
    """Check the next links; returns a report once the chain has ended or does not fit.

    A thousand at a time, so that others get their turn at the records in between.
    """
    previous, expected = progress.head, progress.entries + 1
    rows = records.audit_rows(connection, after_seq=progress.entries)
    for row in rows:
        why = _fault(row, previous, expected)
        if why:
            return ChainReport(expected - 1, previous.hex(), expected, why)
        previous, expected = row.chain_hash, expected + 1
    return Progress(expected - 1, previous) if rows else ChainReport(expected - 1, previous.hex())


def verify_chain(connection: Connection) -> ChainReport:
    """Read every link and compare; stops at the first that does not fit."""
    found: Progress | ChainReport = Progress()
    while isinstance(found, Progress):
        found = verify_next(connection, found)
    return found


def _fault(row: records.AuditRow, previous: bytes, expected: int) -> str:
    if row.seq != expected:
        return f"entry {expected} is missing"
    if link(previous, row.entry) != row.chain_hash:
        return f"entry {expected} was changed, or the one before it was"
    try:
        stated = json.loads(row.entry).get("seq")
    except (ValueError, AttributeError):
        return f"entry {expected} is not readable"
    return "" if stated == expected else f"entry {expected} was moved"
