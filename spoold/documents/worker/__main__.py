"""Runs the worker: lock in, say so, read one document from stdin, answer on stdout, end.

Started by the pool through `process.worker_command`, which names the directories to import from. Its
exit code is for the parent's log only; the two lines on stdout are what counts.
"""

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from itertools import chain

from spoold.documents.worker import pdf, raster, sandbox
from spoold.documents.worker.wire import (
    MAX_DOCUMENT_BYTES,
    REQUIRED_LANDLOCK_ABI,
    Answer,
    Ready,
    Reason,
    encode_answer,
    encode_ready,
)

_STDIN, _STDOUT = 0, 1
_READ_BYTES = 1024 * 1024
# "RaS2PwgRaster" and its end are 14 octets, "UNIRAST" and its end 8.
_TELLING_BYTES = 16
EXIT_DONE = 0
EXIT_NO_SANDBOX = 3


def main(required_landlock_abi: int = REQUIRED_LANDLOCK_ABI) -> None:
    """Load, and live one worker's life. Does not return."""
    load()
    live(required_landlock_abi)


def load() -> None:
    """Load all that a worker needs: nothing can be opened later."""
    sandbox.step_back()
    _silence()
    pdf.warm_up()


def live(required_landlock_abi: int) -> None:
    """Lock in and read a document. Does not return: nothing of Python's own exit may run behind the walls."""
    try:
        abi = sandbox.lock_down(required_landlock_abi=required_landlock_abi)
    except sandbox.SandboxError as error:
        _write(encode_ready(Ready(ok=False, reason=str(error))))
        os._exit(EXIT_NO_SANDBOX)
    _forget_how_to_import()
    _write(encode_ready(Ready(ok=True, landlock_abi=abi)))
    _write(encode_answer(_read_and_inspect()))
    os._exit(EXIT_DONE)


def _silence() -> None:
    """Keep the parser's remarks off stderr: they quote the document."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _forget_how_to_import() -> None:
    """Make a late import an ImportError, which the parser can live with, instead of a killed process."""
    sys.meta_path.clear()
    sys.path_hooks.clear()


def _read_and_inspect() -> Answer:
    """Read one document: raster, which its first octets tell, in passing, everything else as PDF."""
    try:
        head = b""
        while len(head) < _TELLING_BYTES and (piece := os.read(_STDIN, _READ_BYTES)):
            head += piece
        if raster.looks_like_raster(head):
            return raster.inspect(chain((head,), _pieces()))
        document = io.BytesIO()
        for piece in chain((head,), _pieces()):
            if document.tell() + len(piece) > MAX_DOCUMENT_BYTES:
                return Answer(reason=Reason.TOO_LARGE)
            document.write(piece)
        return pdf.inspect(document)
    except MemoryError:
        return Answer(reason=Reason.MEMORY)


def _pieces() -> Iterator[bytes]:
    while piece := os.read(_STDIN, _READ_BYTES):
        yield piece


def _write(line: bytes) -> None:
    """Write all of it; the pipe's reader is the parent, whose death is also ours."""
    while line:
        line = line[os.write(_STDOUT, line) :]


if __name__ == "__main__":
    main()
