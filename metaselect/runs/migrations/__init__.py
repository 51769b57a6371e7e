"""How a store's tables came to be: a file for each revision, run by Alembic.

Revision n brings a store from schema n - 1 to schema n. A revision that any store has had is never
edited: what changes next is a new file, `revision_0002.py`, whose `down_revision` is "0001".
"""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS: Final = Path(__file__).parent
"""The folder of our own revisions."""

REVISION_TABLE: Final = "runs_revision"
"""Where Alembic keeps a store's revision: not its usual table, which another program may have."""

_PREFIX = "revision_"
_TURN = threading.Lock()  # revisions speak through `alembic.op`, one for the whole process


def newest(folder: Path) -> int:
    """The schema that the revisions of a folder lead to."""
    return max(int(path.stem.removeprefix(_PREFIX)) for path in folder.glob(f"{_PREFIX}*.py"))


def upgrade(connection: "Connection", folder: Path) -> None:
    """Run the revisions that a store lacks, inside the transaction that is open.

    Args:
        connection: In a transaction that keeps other writers waiting; an error in a revision is
            raised as it is, for that transaction to undo everything.
        folder: Of revisions.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(folder), version_locations=[str(folder)])

    def missing(revision: Any, _context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)

    context = MigrationContext.configure(
        connection, opts={"fn": missing, "version_table": REVISION_TABLE}
    )
    with _TURN, Operations.context(context):
        context.run_migrations()
