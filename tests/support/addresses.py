"""Addresses of the web door with their parts filled in, for tests that walk the table of routes."""

import re

# What every part but a job's id is filled with, unless a test says otherwise: nothing is called so.
NO_SUCH_ONE = "no-such-one"


def filled(path: str, job_id: object, **others: str) -> str:
    """Return a route's path with its parts filled in."""
    known = {"job_id": str(job_id), **others}
    return re.sub(r"\{(\w+)\}", lambda part: known.get(part[1], NO_SUCH_ONE), path)
