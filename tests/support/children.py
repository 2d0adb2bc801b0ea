"""Which child processes this one has: a worker that is not reaped shows up here."""

import os
from pathlib import Path


def child_pids() -> set[int]:
    """List the children of this process by their ids, dead but unreaped ones included."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in brackets may hold anything; what follows is state and parent (proc(5)).
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(entry.name))
    return found
