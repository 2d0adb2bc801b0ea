"""What operators tell a queue while the daemon runs: hold new jobs, take none."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of queues' words."""
    op.create_table(
        "queue_words",
        Column("queue", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("value", Text, nullable=False),
        sqlite_strict=True,
    )
