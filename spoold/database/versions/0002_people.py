"""Who may print and who may release: directories, tokens, badges, stations, approvals, delegation."""

from alembic import op
from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what people show to be known, and what others may decide about a job."""
    op.add_column("users", Column("provider", Text, nullable=False, server_default="local"))
    op.add_column("users", Column("vouched_us", Integer))
    op.add_column("sessions", Column("method", Text, nullable=False, server_default="password"))
    op.add_column("sessions", Column("second_us", Integer))
    op.add_column("sessions", Column("station", Text))
    _create_programs()
    _create_stations()
    _create_approvals()
    _create_decisions()
    _create_archive()


def _create_programs() -> None:
    op.create_table(
        "api_tokens",
        Column("id", Text, primary_key=True),
        Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE")),
        Column("label", Text, nullable=False),
        Column("secret_hash", LargeBinary, nullable=False),
        Column("scopes", Text, nullable=False),
        Column("networks", Text, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("created_us", Integer, nullable=False),
        Column("expires_us", Integer, nullable=False),
        Column("used_us", Integer),
        Column("revoked_us", Integer),
        sqlite_strict=True,
    )
    op.create_index("api_tokens_by_user", "api_tokens", ["user_id"])
    op.create_table(
        "print_uris",
        Column("id", Text, primary_key=True),
        Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("queue", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("token_hash", LargeBinary, nullable=False, unique=True),
        Column("created_us", Integer, nullable=False),
        Column("used_us", Integer),
        Column("revoked_us", Integer),
        sqlite_strict=True,
    )
    op.create_index("print_uris_by_user", "print_uris", ["user_id"])


def _create_stations() -> None:
    op.create_table(
        "badges",
        Column("tag", LargeBinary, primary_key=True),
        Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("label", Text, nullable=False),
        Column("created_us", Integer, nullable=False),
        Column("used_us", Integer),
        sqlite_strict=True,
    )
    op.create_index("badges_by_user", "badges", ["user_id"])
    op.create_table(
        "station_pins",
        Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        Column("pin_hash", Text, nullable=False),
        Column("set_us", Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "stations",
        Column("name", Text, primary_key=True),
        Column("token_hash", LargeBinary, nullable=False, unique=True),
        Column("created_us", Integer, nullable=False),
        Column("used_us", Integer),
        Column("revoked_us", Integer),
        sqlite_strict=True,
    )
    op.create_table(
        "second_factors",
        Column("id", Text, primary_key=True),
        Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("kind", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("credential_id", LargeBinary, unique=True),
        Column("secret", LargeBinary, nullable=False),
        Column("counter", Integer, nullable=False),
        Column("created_us", Integer, nullable=False),
        Column("used_us", Integer),
        sqlite_strict=True,
    )
    op.create_index("second_factors_by_user", "second_factors", ["user_id"])


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        Column("id", Text, primary_key=True),
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        Column("rules", Text, nullable=False),
        Column("approvers", Text, nullable=False),
        Column("wanted_us", Integer, nullable=False),
        Column("verdict", Text),
        Column("decided_by", Text),
        Column("decided_us", Integer),
        Column("words", Text, nullable=False),
        Column("code_id", Text),
        sqlite_strict=True,
    )
    op.create_index("approvals_by_job", "approvals", ["job_id"])
    op.create_table(
        "approval_codes",
        Column("id", Text, primary_key=True),
        Column("code_hash", LargeBinary, nullable=False, unique=True),
        Column("issued_by", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("uses", Integer, nullable=False),
        Column("used", Integer, nullable=False),
        Column("created_us", Integer, nullable=False),
        Column("expires_us", Integer, nullable=False),
        Column("revoked_us", Integer),
        sqlite_strict=True,
    )


def _create_decisions() -> None:
    op.create_table(
        "delegations",
        Column("id", Text, primary_key=True),
        Column("owner_id", Text, nullable=False),
        Column("delegate_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE")),
        Column("created_us", Integer, nullable=False),
        Column("titles", Integer, nullable=False),
        Column("expires_us", Integer, nullable=False),
        Column("revoked_us", Integer),
        sqlite_strict=True,
    )
    op.create_index("delegations_by_delegate", "delegations", ["delegate_id"])
    op.create_index("delegations_by_owner", "delegations", ["owner_id"])
    op.create_table(
        "obligations",
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("words", Text, nullable=False),
        Column("watermarks", Text, nullable=False, server_default=""),
        sqlite_strict=True,
    )


def _create_archive() -> None:
    op.create_table(
        "archive_terms",
        Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("public_key", LargeBinary, nullable=False),
        Column("keep_s", Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "archived_jobs",
        Column("seq", Integer, primary_key=True),
        Column("job_id", LargeBinary, nullable=False, unique=True),
        Column("number", Integer, nullable=False),
        Column("queue", Text, nullable=False),
        Column("owner_id", Text),
        Column("claimed_name", Text, nullable=False),
        Column("printer", Text, nullable=False),
        Column("printed_us", Integer, nullable=False),
        Column("expires_us", Integer, nullable=False),
        Column("key_id", LargeBinary, nullable=False),
        Column("wrapped_key", LargeBinary, nullable=False),
        Column("private", LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("archived_jobs_by_end", "archived_jobs", ["expires_us"])
    op.create_table(
        "archived_documents",
        Column("job_id", LargeBinary, primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("format", Text, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("segments", Integer, nullable=False),
        Column("wrapped_key", LargeBinary, nullable=False),
        Column("container", LargeBinary),
        sqlite_strict=True,
    )
