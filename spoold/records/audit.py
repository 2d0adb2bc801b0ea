"""Appends to the audit chain, inside the transaction of the change it describes."""

from datetime import datetime

from sqlalchemy import Connection

from spoold.database import records
from spoold.records.chain import GENESIS, canonical_json, link


def append(connection: Connection, *, at: datetime, kind: str, actor: str, **fields: object) -> None:
    """Add one entry to the chain.

    Args:
        at: wall-clock time of the change.
        kind: what happened, a stable word.
        actor: account id, "unclaimed:ADDRESS" or "spoold" itself; never a title.
        **fields: JSON values; None is left out. Document names and hashes of documents do not belong here:
            the chain outlives the documents it speaks of.
    """
    last = records.last_audit(connection)
    seq, previous = (1, GENESIS) if last is None else (last[0] + 1, last[1])
    entry: dict[str, object] = {"actor": actor, "at": at.isoformat(), "kind": kind, "seq": seq}
    entry.update((name, value) for name, value in fields.items() if value is not None)
    text = canonical_json(entry)
    records.insert_audit(connection, records.AuditRow(seq, text, link(previous, text)))
