"""The newest records, for people: with names, bounded, of one kind where that is asked for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spoold.database import people
from spoold.database.people import UserRow
from spoold.model.ids import UserId
from spoold.model.principal import Role
from spoold.records import audit, reading
from tests.support.identities import open_database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


async def test_the_newest_come_last_with_the_names_of_whom_they_speak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(tmp_path / "spoold.db") as database:
        row = UserRow(UserId("a1"), "ana", "", frozenset(), Role.USER, False, 0, NOW)
        await database.write(lambda connection: people.insert_user(connection, row))
        for number in range(6):
            failed = number % 2 == 0
            await database.write(
                lambda connection, failed=failed, number=number: audit.append(  # type: ignore[misc]
                    connection, at=NOW, kind="sign-in-failed" if failed else "sign-in",
                    actor="unproven:192.0.2.9" if failed else "a1", user="a1" if failed else None, n=number,
                )
            )  # fmt: skip

        async def shown(last: int, kind: str = "") -> list[tuple[object, object]]:
            found = await database.read(lambda c: reading.latest(c, last=last, kind=kind))
            return [(one["n"], one["names"]) for one in found]

        assert await shown(2) == [(4, {"user": "ana"}), (5, {"actor": "ana"})]
        assert [n for n, _ in await shown(2, "sign-in")] == [3, 5]
        assert await shown(5, "nothing") == []
        assert len(await shown(0)) == 1
        monkeypatch.setattr(reading, "MAX_ENTRIES", 3)
        assert len(await shown(1000)) == 3
