"""Makes the tables, or brings older ones up to date; only the latter needs Alembic."""

from pathlib import Path

from sqlalchemy import Connection, text

from spoold.database.schema import metadata
from spoold.model.errors import ConfigurationError

HEAD = "0002"
_VERSIONS = Path(__file__).with_name("versions")


def migrate(connection: Connection) -> None:
    """Upgrade the tables to `HEAD`; the caller owns the transaction.

    Raises:
        ConfigurationError: the database was written by a newer spoold.
    """
    current = current_revision(connection)
    if current == HEAD:
        return
    if current is None:
        create(connection)
        return
    if current not in known_revisions():
        raise ConfigurationError(
            "The database was written by a newer version of spoold; install that version again.",
            revision=current,
            newest_known=HEAD,
        )
    upgrade(connection)


def create(connection: Connection) -> None:
    """Make all tables of an empty database as they are in this version.

    The scripts end with the same tables (a test compares them), but running them costs a first start 0.4 s
    and the daemon 12 MiB for as long as it runs.
    """
    metadata.create_all(connection)
    # As Alembic makes it.
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def current_revision(connection: Connection) -> str | None:
    """Return the revision the tables have, None for an empty database."""
    exists = connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")).scalar()
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if exists else None


def known_revisions() -> frozenset[str]:
    """Return the revisions this version of spoold has scripts for."""
    return frozenset(path.name.split("_", 1)[0] for path in _VERSIONS.glob("[0-9]*.py"))


def upgrade(connection: Connection) -> None:
    """Run every script that the database has not seen, all of them for an empty one."""
    from alembic.config import Config  # noqa: PLC0415 - 39 MiB and 0.4 s, needed once in the life of a database
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    settings = Config()
    settings.set_main_option("script_location", str(_VERSIONS.parent))
    settings.set_main_option("version_locations", str(_VERSIONS))
    settings.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(settings)
    with EnvironmentContext(
        settings, script, fn=lambda revision, _context: script._upgrade_revs(HEAD, revision)
    ) as environment:
        environment.configure(connection=connection, transactional_ddl=False)
        environment.run_migrations()
