"""The first tables: jobs, documents, containers, grants, time lines, audit, people, sessions."""

from alembic import op
from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table of the first release."""
    _create_jobs()
    _create_evidence()
    _create_people()


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        Column("id", LargeBinary, primary_key=True),
        Column("number", Integer, nullable=False, unique=True),
        Column("queue", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("owner_id", Text),
        Column("claimed_name", Text, nullable=False),
        Column("peer", Text, nullable=False),
        Column("protocol", Text, nullable=False),
        Column("created_us", Integer, nullable=False),
        Column("changed_us", Integer, nullable=False),
        Column("expires_us", Integer, nullable=False),
        Column("template", LargeBinary, nullable=False),
        Column("private", LargeBinary),
        Column("wrapped_key", LargeBinary),
        Column("size_bytes", Integer, nullable=False),
        Column("documents", Integer, nullable=False),
        Column("formats", Text, nullable=False),
        Column("pages", Integer),
        Column("released_by", Text),
        Column("printer", Text),
        Column("attempt", Integer, nullable=False),
        Column("token", Text, nullable=False),
        Column("remote_job_id", Integer),
        Column("processing_us", Integer),
        Column("finished_us", Integer),
        Column("first_byte_us", Integer),
        Column("all_bytes_us", Integer),
        Column("impressions", Integer),
        Column("on_arrival", Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("jobs_by_owner", "jobs", ["owner_id", "state"])
    op.create_index("jobs_by_claimed_name", "jobs", ["claimed_name", "state"])
    op.create_index("jobs_by_state", "jobs", ["state", "expires_us"])
    op.create_index("jobs_by_peer", "jobs", ["peer", "state"])
    op.create_table(
        "documents",
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("format", Text, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("segments", Integer, nullable=False),
        Column("wrapped_key", LargeBinary),
        Column("in_file", Integer, nullable=False),
        Column("inspected", Integer, nullable=False),
        Column("pages", Integer),
        Column("encrypted", Integer),
        Column("broken", Integer),
        Column("why_unknown", Text, nullable=False),
        Column("page_sizes", Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "inline_containers",
        Column("job_id", LargeBinary, primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("container", LargeBinary, nullable=False),
        sqlite_strict=True,
    )


def _create_evidence() -> None:
    op.create_table(
        "grants",
        Column("id", Text, primary_key=True),
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        Column("user_id", Text, nullable=False),
        Column("printer", Text, nullable=False),
        Column("granted_us", Integer, nullable=False),
        Column("expires_us", Integer, nullable=False),
        Column("boot_id", Text, nullable=False),
        Column("consumed_us", Integer),
        sqlite_strict=True,
    )
    op.create_index("grants_by_job", "grants", ["job_id"])
    op.create_table(
        "job_events",
        Column("seq", Integer, primary_key=True),
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        Column("at_us", Integer, nullable=False),
        Column("event", Text, nullable=False),
        Column("words", Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("job_events_by_job", "job_events", ["job_id", "seq"])
    op.create_table(
        "audit",
        Column("seq", Integer, primary_key=True),
        Column("entry", Text, nullable=False),
        Column("chain_hash", LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "facts",
        Column("name", Text, primary_key=True),
        Column("value", Text, nullable=False),
        sqlite_strict=True,
    )


def _create_people() -> None:
    op.create_table(
        "users",
        Column("id", Text, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("display_name", Text, nullable=False),
        Column("password_hash", Text, nullable=False),
        Column("groups", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("disabled", Integer, nullable=False),
        Column("epoch", Integer, nullable=False),
        Column("created_us", Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "sessions",
        Column("token_hash", LargeBinary, primary_key=True),
        Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("user_epoch", Integer, nullable=False),
        Column("proven_us", Integer, nullable=False),
        Column("created_us", Integer, nullable=False),
        Column("used_us", Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("sessions_by_user", "sessions", ["user_id"])
    op.create_table(
        "sign_in_failures",
        Column("subject", Text, primary_key=True),
        Column("failures", Integer, nullable=False),
        Column("first_us", Integer, nullable=False),
        Column("last_us", Integer, nullable=False),
        Column("locked_until_us", Integer, nullable=False),
        sqlite_strict=True,
    )
