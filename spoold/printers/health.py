"""Reads a printer's own account of itself and decides whether a document may be sent to it now."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from spoold.model.printer import PrinterReason, PrinterStatus
from spoold.printers.state_words import SUFFIXES, ReasonClass, ReasonWord, is_registered, look_up

# "printer-state" (RFC 8011 5.4.11).
STATES = {3: "idle", 4: "processing", 5: "stopped"}
UNKNOWN = "unknown"
STOPPED = "stopped"

# An honest printer names a handful; more than this is no account of anything.
MAX_REASONS = 64
MAX_KEYWORD_CHARACTERS = 255
_KEYWORD = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")

# No paper comes out while one of these lasts. They block with "-report" too: that suffix says "nothing is
# affected", but printers derive it from being idle (ippeveprinter 2.4.2 says media-jam-report and
# media-empty-report as soon as its job is over), and an idle printer that is jammed is not ready.
STOPS_PAPER = frozenset(
    {
        "cover-open",
        "door-open",
        "interlock-open",
        "marker-supply-empty",
        "media-empty",
        "media-jam",
        "media-needed",
        "output-area-full",
        "toner-empty",
    }
)
# Words that say nothing by themselves; with "-warning" the printer says that it goes on.
_VAGUE = frozenset({"other", "unknown"})


def read_reason(keyword: str, block_on: Collection[str] = frozenset()) -> PrinterReason:
    """Return what one of "printer-state-reasons" means for a release.

    Severity (RFC 8011 5.4.12): "-report" affects nothing, "-warning" prevents nothing, "-error" stops the
    printer, and no suffix means "-error". Printers send "-warning" for things that do stop printing, so
    the keyword decides first and the suffix second. What is not known at all goes by its suffix.

    Args:
        block_on: further keywords, without suffix, that block at this printer.
    """
    keyword = keyword.lower()
    if len(keyword) > MAX_KEYWORD_CHARACTERS or not _KEYWORD.match(keyword):
        return PrinterReason("unreadable", True, "The printer reports something that cannot be read.")
    base, suffix = _split(keyword)
    word = look_up(base)
    blocks = base in block_on or keyword in block_on or _blocks(word, suffix)
    return PrinterReason(keyword, blocks, word.words)


def judge(
    printer: str,
    *,
    state: int | None,
    accepting: bool | None,
    reasons: Sequence[str] | None,
    read_at: datetime,
    block_on: Collection[str] = frozenset(),
) -> PrinterStatus:
    """Return the status that follows from a printer's answer.

    Args:
        state: "printer-state".
        accepting: "printer-is-accepting-jobs".
        reasons: "printer-state-reasons". An attribute that is missing makes the answer unusable:
            RFC 8011 5.4 requires all three.
    """
    if state not in STATES or accepting is None or reasons is None or len(reasons) > MAX_REASONS:
        return unknown(printer, "The printer does not say how it is.", read_at)
    read = tuple(read_reason(keyword, block_on) for keyword in reasons if keyword != "none")
    word = STATES[state]
    sentences = [reason.text for reason in read if reason.blocks]
    if not sentences and word == STOPPED:
        sentences.append("The printer is stopped.")
    if not accepting:
        sentences.append("The printer accepts no jobs at the moment.")
    why = " ".join(dict.fromkeys(sentences))
    return PrinterStatus(printer, not sentences, word, read, read_at, why)


def unknown(printer: str, why: str, read_at: datetime) -> PrinterStatus:
    """Return the status of a printer of which nothing is known: not ready."""
    return PrinterStatus(printer, False, UNKNOWN, (), read_at, why)


def finishing_trouble(status: PrinterStatus) -> PrinterReason | None:
    """Return a reason that stands in the way of a job that asks for finishing, if there is one."""
    for reason in status.reasons:
        base, suffix = _split(reason.keyword)
        if look_up(base).kind is ReasonClass.FINISHER and suffix != "report":
            return reason
    return None


def _split(keyword: str) -> tuple[str, str]:
    """Return the keyword without its suffix, and the suffix or ""."""
    if is_registered(keyword):
        return keyword, ""
    base, _, suffix = keyword.rpartition("-")
    return (base, suffix) if base and suffix in SUFFIXES else (keyword, "")


def _blocks(word: ReasonWord, suffix: str) -> bool:
    if word.keyword == "none":
        return False
    if suffix == "report":
        return word.keyword in STOPS_PAPER
    if suffix == "error":
        return True
    if word.kind is ReasonClass.BLOCK:
        return not (suffix == "warning" and word.keyword in _VAGUE)
    # Nobody knows this word: without a suffix it is an error (RFC 8011 5.4.12).
    return word.kind is None and suffix == ""
