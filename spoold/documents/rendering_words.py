"""Why a document could not be drawn, in words that continue "it cannot be converted: "; none is out of it."""

import signal

from spoold.documents.process import Ended
from spoold.documents.worker.render import EXIT_NO_PICTURE, EXIT_NOT_STARTED, EXIT_TOO_LARGE
from spoold.documents.worker.wire import RenderFault

MISSING_WORDS = "Ghostscript, which converts documents for printers, is not installed on the spooler"

FAULTS = {
    RenderFault.DAMAGED: "no readable pages came out of it",
    RenderFault.TOO_MANY_PAGES: "it has more pages than were counted, or than can be converted",
    RenderFault.MEMORY: "it needs more memory than is allowed",
}


def why_ended(ended: Ended) -> str | None:
    """Say why Ghostscript did not end well; None when it did."""
    match ended.signal, ended.exit_code:
        case None, 0:
            return None
        case None, code if code == EXIT_TOO_LARGE:
            return "it is too large to be converted"
        case None, code if code == EXIT_NO_PICTURE:
            return "it is damaged, or no picture that can be drawn"
        case None, code if code == EXIT_NOT_STARTED:
            return "Ghostscript could not be started"
        case None, _:
            return "it is damaged or protected, or needs more memory than is allowed"
        case signal.SIGXCPU, _:
            return "it needs more processor time than is allowed"
        case signal.SIGKILL, _:
            return "Ghostscript was stopped"
        case _:
            return "Ghostscript crashed over it"
