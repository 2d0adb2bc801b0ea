"""The write-ahead log beside the database: making it durable, and folding it back when it is long."""

import os
import struct
from pathlib import Path

from sqlalchemy import Connection

# A WAL larger than this is folded back between batches: it bounds recovery time and disk use.
MAX_WAL_BYTES = 16 * 1024 * 1024
# A WAL that one huge transaction blew up is cut; else its file is used again from its start, because writing
# over blocks that are there costs an fdatasync half of what making the file longer does.
CUT_ABOVE = 4
PAGE_BYTES = 4096
# SQLite's WAL-index header (https://www.sqlite.org/walformat.html, 2.1): mxFrame, in native byte order.
_MX_FRAME = struct.Struct("=I")
_MX_FRAME_AT = 16
_FRAME_HEADER_BYTES = 24


class Wal:
    """The log of an open database in WAL mode.

    SQLite itself runs with `synchronous=NORMAL`: a commit writes its frames and leaves them in the page
    cache. `sync` makes them durable, from any thread and without the connection, so that the next
    transaction can be prepared meanwhile. SQLite still syncs in a checkpoint, as it must.

    Args:
        database: path of the database file; its connection must have written or read once already.
    """

    def __init__(self, database: Path) -> None:
        self._log = os.open(database.with_name(f"{database.name}-wal"), os.O_RDWR | os.O_CLOEXEC)
        self._index = os.open(database.with_name(f"{database.name}-shm"), os.O_RDONLY | os.O_CLOEXEC)
        directory = os.open(database.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # The log's name must survive a power cut before anything in it counts as durable.
            os.fsync(directory)
        finally:
            os.close(directory)

    def sync(self) -> None:
        """Make every transaction committed so far durable.

        Raises:
            OSError: what was written may be lost; nothing may be acknowledged from now on.
        """
        os.fdatasync(self._log)

    def is_long(self) -> bool:
        """Tell whether it is time to fold the log back."""
        header = os.pread(self._index, _MX_FRAME.size, _MX_FRAME_AT)
        frames = _MX_FRAME.unpack(header)[0] if len(header) == _MX_FRAME.size else 0
        return int(frames) * (PAGE_BYTES + _FRAME_HEADER_BYTES) > MAX_WAL_BYTES

    def fold(self, connection: Connection, *, cut: bool) -> bool:
        """Copy the log into the database and begin it anew.

        Args:
            cut: leave nothing of the old log in its file: it holds keys that were destroyed.

        Returns:
            False when another process reads the database, so that the log could not be begun anew.
        """
        cut = cut or os.fstat(self._log).st_size > CUT_ABOVE * MAX_WAL_BYTES
        way = "TRUNCATE" if cut else "RESTART"
        row = connection.exec_driver_sql(f"PRAGMA wal_checkpoint({way})").one()
        # The first column says whether somebody stood in the way (sqlite.org, PRAGMA wal_checkpoint).
        return int(row[0]) == 0

    def close(self) -> None:
        """Close the files; SQLite deletes them when the last connection goes."""
        os.close(self._log)
        os.close(self._index)
