"""All tables. Times are microseconds since 1970 UTC (`*_us`); no column holds a title or document."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()


def _table(name: str, *columns: Column[object] | Index) -> Table:
    # STRICT: SQLite otherwise stores a string in an integer column without a word.
    return Table(name, metadata, *columns, sqlite_strict=True)


jobs = _table(
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
    Column("size_bytes", Integer, nullable=False, default=0),
    Column("documents", Integer, nullable=False, default=0),
    Column("formats", Text, nullable=False, default=""),
    Column("pages", Integer),
    Column("released_by", Text),
    Column("printer", Text),
    Column("attempt", Integer, nullable=False, default=0),
    Column("token", Text, nullable=False, default=""),
    Column("remote_job_id", Integer),
    Column("processing_us", Integer),
    Column("finished_us", Integer),
    Column("first_byte_us", Integer),
    Column("all_bytes_us", Integer),
    Column("impressions", Integer),
    Column("on_arrival", Integer, nullable=False, default=0),
    Index("jobs_by_owner", "owner_id", "state"),
    Index("jobs_by_claimed_name", "claimed_name", "state"),
    Index("jobs_by_state", "state", "expires_us"),
    Index("jobs_by_peer", "peer", "state"),
)

documents = _table(
    "documents",
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("format", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("segments", Integer, nullable=False),
    Column("wrapped_key", LargeBinary),
    Column("in_file", Integer, nullable=False),
    Column("inspected", Integer, nullable=False, default=0),
    Column("pages", Integer),
    Column("encrypted", Integer),
    Column("broken", Integer),
    Column("why_unknown", Text, nullable=False, default=""),
    Column("page_sizes", Text, nullable=False, default="[]"),
)

# Small containers live beside the row that names them, so that one commit makes both durable.
inline_containers = _table(
    "inline_containers",
    Column("job_id", LargeBinary, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("container", LargeBinary, nullable=False),
)

grants = _table(
    "grants",
    Column("id", Text, primary_key=True),
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("printer", Text, nullable=False),
    Column("granted_us", Integer, nullable=False),
    Column("expires_us", Integer, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("consumed_us", Integer),
    Index("grants_by_job", "job_id"),
)

job_events = _table(
    "job_events",
    Column("seq", Integer, primary_key=True),
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("at_us", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("words", Text, nullable=False),
    Index("job_events_by_job", "job_id", "seq"),
)

audit = _table(
    "audit",
    Column("seq", Integer, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("chain_hash", LargeBinary, nullable=False),
)

users = _table(
    "users",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False, default=""),
    Column("password_hash", Text, nullable=False),
    Column("groups", Text, nullable=False, default="[]"),
    Column("role", Text, nullable=False),
    Column("disabled", Integer, nullable=False, default=0),
    Column("epoch", Integer, nullable=False, default=0),
    Column("created_us", Integer, nullable=False),
    # "local", or the directory that knows the person; its people have no password here.
    Column("provider", Text, nullable=False, server_default="local"),
    # When the OpenID provider last said that this person is there; none for whoever can be asked about.
    Column("vouched_us", Integer),
)

sessions = _table(
    "sessions",
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("user_epoch", Integer, nullable=False),
    Column("proven_us", Integer, nullable=False),
    Column("created_us", Integer, nullable=False),
    Column("used_us", Integer, nullable=False),
    Column("method", Text, nullable=False, server_default="password"),
    # When a second factor was shown in it.
    Column("second_us", Integer),
    # The release station it belongs to, none elsewhere.
    Column("station", Text),
    Index("sessions_by_user", "user_id"),
)

# What programs show instead of a password: "spd_ID_SECRET".
api_tokens = _table(
    "api_tokens",
    Column("id", Text, primary_key=True),
    # Whose jobs it is about; none for agents that act for whoever stands at a printer.
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
    Index("api_tokens_by_user", "user_id"),
)

# Print URIs of one person each, for clients that cannot sign in.
print_uris = _table(
    "print_uris",
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("queue", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_us", Integer, nullable=False),
    Column("used_us", Integer),
    Column("revoked_us", Integer),
    Index("print_uris_by_user", "user_id"),
)

# A badge's number is kept as HMAC under a key of its own.
badges = _table(
    "badges",
    Column("tag", LargeBinary, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("label", Text, nullable=False),
    Column("created_us", Integer, nullable=False),
    Column("used_us", Integer),
    Index("badges_by_user", "user_id"),
)

station_pins = _table(
    "station_pins",
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("pin_hash", Text, nullable=False),
    Column("set_us", Integer, nullable=False),
)

stations = _table(
    "stations",
    Column("name", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_us", Integer, nullable=False),
    Column("used_us", Integer),
    Column("revoked_us", Integer),
)

# Passkeys and one-time password generators; `secret` is a public key, or sealed under the store key.
second_factors = _table(
    "second_factors",
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("credential_id", LargeBinary, unique=True),
    Column("secret", LargeBinary, nullable=False),
    Column("counter", Integer, nullable=False, default=0),
    Column("created_us", Integer, nullable=False),
    Column("used_us", Integer),
    Index("second_factors_by_user", "user_id"),
)

# What rules want approved of jobs, and how that ended: one row for each time a job was held for it.
approvals = _table(
    "approvals",
    Column("id", Text, primary_key=True),
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("rules", Text, nullable=False),
    Column("approvers", Text, nullable=False),
    Column("wanted_us", Integer, nullable=False),
    Column("verdict", Text),
    Column("decided_by", Text),
    Column("decided_us", Integer),
    Column("words", Text, nullable=False, default=""),
    Column("code_id", Text),
    Index("approvals_by_job", "job_id"),
)

approval_codes = _table(
    "approval_codes",
    Column("id", Text, primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("issued_by", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False, default=0),
    Column("created_us", Integer, nullable=False),
    Column("expires_us", Integer, nullable=False),
    Column("revoked_us", Integer),
)

# Who may release somebody else's jobs: one of them, or all until a moment.
delegations = _table(
    "delegations",
    Column("id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),
    Column("delegate_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("created_us", Integer, nullable=False),
    # Whether the delegate is shown what the documents are called.
    Column("titles", Integer, nullable=False, default=0),
    Column("expires_us", Integer, nullable=False),
    Column("revoked_us", Integer),
    Index("delegations_by_delegate", "delegate_id"),
    Index("delegations_by_owner", "owner_id"),
)

# What rules asked of later stages (mask, watermark, archive, printers), for the few jobs that have any.
obligations = _table(
    "obligations",
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("words", Text, nullable=False),
    # What shall stand on every page, a line for each rule.
    Column("watermarks", Text, nullable=False, server_default=""),
)

# For whom, and how long, a copy is kept of a job that was released under a rule that archives it.
archive_terms = _table(
    "archive_terms",
    Column("job_id", LargeBinary, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("keep_s", Integer, nullable=False),
)

# Printed jobs of which a copy is kept; they outlive their rows in `jobs`. Keys are wrapped for the archive.
archived_jobs = _table(
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
    Index("archived_jobs_by_end", "expires_us"),
)

archived_documents = _table(
    "archived_documents",
    Column("job_id", LargeBinary, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("format", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("segments", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    # The container when it is small; else it is a file.
    Column("container", LargeBinary),
)

# Failures survive a restart, otherwise a crash would be a way to guess on.
sign_in_failures = _table(
    "sign_in_failures",
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("first_us", Integer, nullable=False),
    Column("last_us", Integer, nullable=False),
    Column("locked_until_us", Integer, nullable=False, default=0),
)

facts = _table(
    "facts",
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
