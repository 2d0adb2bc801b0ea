"""What operators told a queue while the daemon ran, kept over restarts: one word and its value each."""

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from spoold.database.schema import queue_words


def words_of(connection: Connection, queue: str) -> dict[str, str]:
    """Return every word of a queue and its value."""
    statement = select(queue_words.c.name, queue_words.c.value).where(queue_words.c.queue == queue)
    return {row[0]: row[1] for row in connection.execute(statement)}


def all_words(connection: Connection) -> dict[str, dict[str, str]]:
    """Return the words of all queues, by queue."""
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(select(queue_words)):
        found.setdefault(row.queue, {})[row.name] = row.value
    return found


def set_word(connection: Connection, queue: str, name: str, value: str) -> None:
    """Set one word of a queue."""
    statement = upsert(queue_words).values(queue=queue, name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["queue", "name"], set_={"value": value})
    )


def forget_word(connection: Connection, queue: str, name: str) -> None:
    """Forget one word of a queue."""
    connection.execute(delete(queue_words).where(queue_words.c.queue == queue, queue_words.c.name == name))
