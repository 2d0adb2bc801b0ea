"""Words of queues are kept, changed and forgotten, each queue's by itself."""

from pathlib import Path

from sqlalchemy import Connection

from spoold.database import queues
from spoold.database.engine import Database
from spoold.database.migrations import migrate


async def test_words_are_kept_over_a_restart(tmp_path: Path) -> None:
    first = Database(tmp_path / "spoold.db")
    first.open(migrate)
    await first.write(lambda connection: queues.set_word(connection, "secure", "hold-new-jobs", "true"))
    await first.write(lambda connection: queues.set_word(connection, "secure", "hold-new-jobs", "false"))
    await first.write(lambda connection: queues.set_word(connection, "other", "hold-new-jobs", "true"))
    first.close()

    second = Database(tmp_path / "spoold.db")
    second.open(migrate)
    words = await second.read(queues.all_words)
    second.close()

    assert words == {"secure": {"hold-new-jobs": "false"}, "other": {"hold-new-jobs": "true"}}


async def test_a_forgotten_word_is_gone_from_its_queue_only(tmp_path: Path) -> None:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)

    def work(connection: Connection) -> tuple[dict[str, str], dict[str, str]]:
        queues.set_word(connection, "secure", "hold-new-jobs", "true")
        queues.set_word(connection, "other", "hold-new-jobs", "true")
        queues.forget_word(connection, "secure", "hold-new-jobs")
        return queues.words_of(connection, "secure"), queues.words_of(connection, "other")

    found = await database.write(work)
    database.close()

    assert found == ({}, {"hold-new-jobs": "true"})
