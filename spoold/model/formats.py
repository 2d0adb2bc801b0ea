"""Document formats by name: which of them a queue takes."""

from typing import Final

from spoold.model.queue import Queue

# A document in one of these is a program that runs in the printer: it may loop for ever, or stay there and
# see the next person's job. So a queue takes them only where its configuration names them.
PRINTER_LANGUAGES: Final = frozenset(
    {"application/postscript", "application/vnd.hp-PCL", "application/vnd.hp-PCLXL"}
)


def formats_taken(queue: Queue, usual: frozenset[str]) -> frozenset[str]:
    """Return the formats that a queue takes.

    Args:
        usual: those that a queue takes which names none.
    """
    if queue.formats is None:
        return usual
    # MIME types are the same in capitals (RFC 2045 5.1); the configuration keeps them in small letters.
    return frozenset(one for one in usual | PRINTER_LANGUAGES if one.lower() in queue.formats)
