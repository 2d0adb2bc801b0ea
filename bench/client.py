"""Runs the bench's compiled client, which counts small requests and jobs at next to no cost of its own.

Beside a client in Python, which needs as long for a request as a server does, every server looked alike.
"""

import array
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("client.c")
COMPILER = ("-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE")
# A client that is not done by then never will be.
TIMEOUT_S = 600.0


class ClientFailedError(Exception):
    """A server refused, broke off or said nothing; or the client could not be compiled."""


@functools.cache
def program() -> Path:
    """Compile the client, once in this process, and return it.

    Raises:
        ClientFailedError: there is no compiler, or it does not like the source.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise ClientFailedError("there is no C compiler (Debian: gcc, libc6-dev)")
    built = Path(tempfile.mkdtemp(prefix="spoold-bench-client-")) / "client"
    done = subprocess.run(
        [compiler, *COMPILER, "-o", str(built), str(SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ClientFailedError(done.stderr[-2000:])
    return built


def run(
    protocol: str,
    port: int,
    steps: Sequence[bytes],
    *,
    clients: int,
    count: int = 0,
    seconds: float = 0.0,
    warm_up: int = 0,
) -> tuple[float, list[float]]:
    """Keep some clients busy; returns the seconds in all and the latency of each request or job, in seconds.

    Args:
        protocol: "http" or "lpr".
        steps: what one request (one step) or job sends; in LPR "###" in all but the last is its number.
        count: how many in all; 0 when `seconds` decides.
        warm_up: before them, not measured; on each connection where it is kept.

    Raises:
        ClientFailedError: a server refused, broke off or said nothing.
    """
    words = [protocol, str(port), str(clients), str(count), str(seconds), str(warm_up)]
    done = subprocess.run(
        [str(program()), *words],
        input=b"".join(b"%d\n%b" % (len(step), step) for step in steps),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ClientFailedError(done.stderr.decode(errors="replace").strip())
    taken, *latencies = array.array("d", done.stdout)
    return taken, latencies
