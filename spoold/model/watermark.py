"""Watermark: which jobs can have words on every page, and what is said of those that cannot."""

from collections.abc import Iterable

from spoold.model.errors import RefusedByPolicy
from spoold.model.ids import JobId
from spoold.model.job import Document

# What can be stamped. The formats of pictures and of single printers cannot.
PDF = "application/pdf"
# It lies in memory as a whole while it is stamped, and so does what is made of it.
MAX_DOCUMENT_BYTES = 128 * 1024 * 1024

NO_PDF_WORDS = (
    "The rules of this site want words on every page of this job, which is possible with PDF only. "
    "Send the document as PDF."
)
LOCKED_WORDS = (
    "The rules of this site want words on every page of this job, and its document is protected by a "
    "password. Send it without the password."
)
TOO_LARGE_WORDS = (
    "The rules of this site want words on every page of this job, and its document is larger than 128 MiB. "
    "Send it in parts."
)


def why_impossible(documents: Iterable[Document]) -> str | None:
    """Return, for the person, why not every page of these documents can have words on it; None when it can.

    What nobody has looked into yet, and what damage can be mended, is found out when it is stamped.
    """
    for document in documents:
        if document.format.lower() != PDF:
            return NO_PDF_WORDS
        if document.encrypted and document.inspected and document.pages is None:
            return LOCKED_WORDS
        if document.size_bytes > MAX_DOCUMENT_BYTES:
            return TOO_LARGE_WORDS
    return None


def check_possible(documents: Iterable[Document], job_id: JobId) -> None:
    """Refuse a release after which some page would lack its words.

    Raises:
        RefusedByPolicy: with what to do instead.
    """
    why = why_impossible(documents)
    if why is not None:
        raise RefusedByPolicy(why, job=str(job_id))
