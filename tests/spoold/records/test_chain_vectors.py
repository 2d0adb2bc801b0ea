"""The audit chain's example in docs/formats.md: computed from the page alone, and by the daemon."""

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection

from spoold.database import records
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.model.ids import JobId, UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobEvent, JobState
from spoold.records import audit, transitions
from spoold.records.chain import GENESIS, canonical_json
from spoold.records.verify import verify_chain

ROOT = Path(__file__).parents[3]
SECTION = (
    (ROOT / "docs" / "formats.md").read_text().partition("## 4. The audit chain")[2].partition("\n## ")[0]
)
EXAMPLE = re.findall(r"^entry (\{.*\})\nlink  ([0-9a-f]{64})$", SECTION, re.MULTILINE)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
JOB = JobId(UUID("0b5f9c1e-7a41-4c53-9d0e-2f6d8a1b3c4d"))
ZOE = UserId("3f8a1c5e9b7d42608e1f4a6b2c9d7e50")


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    yield database
    database.close()


def write_the_example(connection: Connection) -> list[records.AuditRow]:
    """Do what the example tells, with the daemon's own functions."""
    account = {"user": ZOE, "name": "zoë", "role": "user", "groups": ["staff"]}
    audit.append(connection, at=NOON, kind="user-added", actor="uid:0", **account)
    job = Job(
        id=JOB,
        number=0,
        queue="secure",
        state=JobState.RECEIVING,
        reason="",
        owner_id=ZOE,
        claimed_name="zoë",
        peer="192.0.2.7",
        protocol="ipps",
        created_at=NOON + timedelta(seconds=61, milliseconds=250),
        changed_at=NOON,
        expires_at=NOON + timedelta(hours=4),
        size_bytes=14_523,
    )
    transitions.begin(connection, job, actor=ZOE, walked=(JobEvent.SEALED, JobEvent.PERMITTED))
    transitions.move(
        connection,
        JOB,
        JobEvent.GRANTED,
        words="Released to lobby.",
        actor=ZOE,
        now=NOON + timedelta(minutes=9),
        printer="lobby",
        attempt=1,
    )
    return records.audit_rows(connection)


def test_the_page_is_enough_to_compute_the_links() -> None:
    """A second implementation needs SHA-256 and what section 4.1 says."""
    link = hashlib.sha256(b"spoold/audit/v1").digest()
    assert f"link(0) is `{link.hex()}`" in SECTION
    assert len(EXAMPLE) == 3
    for entry, stated in EXAMPLE:
        link = hashlib.sha256(link + entry.encode("utf-8")).digest()
        assert link.hex() == stated


async def test_the_daemon_writes_the_example(database: Database) -> None:
    """The same three things happen in a new database: the entries are those of the page, byte by byte."""
    written = await database.write(write_the_example)
    assert [(row.entry, row.chain_hash.hex()) for row in written] == EXAMPLE
    assert [row.seq for row in written] == [1, 2, 3]


async def test_the_daemon_verifies_the_page(database: Database) -> None:
    """The entries of the page are a whole chain to the daemon, and without the middle one they are not."""

    def insert(connection: Connection) -> None:
        for seq, (entry, link) in enumerate(EXAMPLE, 1):
            records.insert_audit(connection, records.AuditRow(seq, entry, bytes.fromhex(link)))

    await database.write(insert)
    report = await database.read(verify_chain)
    assert (report.entries, report.head, report.broken_at) == (3, EXAMPLE[-1][1], None)
    await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM audit WHERE seq = 2"))
    assert (await database.read(verify_chain)).broken_at == 2


def test_json_is_written_as_the_page_says() -> None:
    """Sorted by code point, no white space, UTF-8, and the escapes of section 4.1 and no others."""
    entry = {"é": 'a"b\\c', "b": "\b\f\n\r\t\x01\x1f\x7f", "Z": [1, "ü"], "a": 2.5}
    written = canonical_json(entry)
    assert written == '{"Z":[1,"ü"],"a":2.5,"b":"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f","é":"a\\"b\\\\c"}'
    assert json.loads(written) == entry
    assert hashlib.sha256(b"spoold/audit/v1").digest() == GENESIS


def test_every_kind_of_entry_is_on_the_page() -> None:
    """Whatever the daemon appends to the chain stands in section 4.2."""
    found = {kind for path in (ROOT / "spoold").rglob("*.py") for kind in kinds_in(path)}
    assert found >= {"job-accepted", "sign-in", "user-added", "user-disabled", "clock-step"}
    missing = {kind for kind in found if f"`{kind}`" not in SECTION}
    assert missing == set()


def kinds_in(path: Path) -> Iterator[str]:
    """Yield the words that a module gives as the kind of an entry, itself or through its own function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in ("audit.append", "append"):
            wanted = [keyword.value for keyword in node.keywords if keyword.arg == "kind"]
        elif name == "self._changed":
            wanted = [node.args[2]]
        else:
            continue
        for value in wanted:
            yield from (
                constant.value
                for constant in ast.walk(value)
                if isinstance(constant, ast.Constant)
                and isinstance(constant.value, str)
                and re.fullmatch(r"[a-z]+(-[a-z]+)+", constant.value)
            )
