"""Schema 1: a row for each run."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXTS = ("study", "encoder", "adaptation", "intermediate", "target", "language", "metric")
_KEY = (
    *("study", "target", "language", "intermediate"),
    *("encoder", "adaptation", "metric", "seed"),
)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "runs",
        *(sa.Column(name, _text(), nullable=False) for name in _TEXTS),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("source", _text(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(*_KEY),
        sqlite_with_rowid=False,
    )


def _text() -> sa.Text:
    """Text whose order is that of its bytes on both kinds of database."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
