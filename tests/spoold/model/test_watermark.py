"""Which documents can have words on every page, and what is said of the others."""

from dataclasses import replace

import pytest

from spoold.model.errors import RefusedByPolicy
from spoold.model.ids import new_job_id
from spoold.model.job import Document
from spoold.model.watermark import (
    LOCKED_WORDS,
    MAX_DOCUMENT_BYTES,
    NO_PDF_WORDS,
    TOO_LARGE_WORDS,
    check_possible,
    why_impossible,
)

PDF = Document(
    job_id=new_job_id(), number=1, format="application/pdf", size_bytes=9, segments=1, wrapped_key=b"k"
)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (PDF, None),
        (replace(PDF, format="Application/PDF"), None),
        (replace(PDF, pages=3, inspected=True, encrypted=True), None),
        (replace(PDF, inspected=True, encrypted=True), LOCKED_WORDS),
        (replace(PDF, inspected=True, broken=True), None),
        (replace(PDF, size_bytes=MAX_DOCUMENT_BYTES), None),
        (replace(PDF, size_bytes=MAX_DOCUMENT_BYTES + 1), TOO_LARGE_WORDS),
        (replace(PDF, format="image/urf"), NO_PDF_WORDS),
        (replace(PDF, format="application/PCLm"), NO_PDF_WORDS),
        (replace(PDF, format="text/plain"), NO_PDF_WORDS),
    ],
)
def test_why_a_document_cannot_be_stamped(document: Document, why: str | None) -> None:
    assert why_impossible([document]) == why
    assert why_impossible([PDF, document]) == why


def test_a_release_is_refused_in_these_words() -> None:
    check_possible([PDF], PDF.job_id)
    with pytest.raises(RefusedByPolicy) as caught:
        check_possible([PDF, replace(PDF, format="image/jpeg")], PDF.job_id)
    assert caught.value.public == NO_PDF_WORDS


def test_the_words_name_the_limit() -> None:
    assert f"{MAX_DOCUMENT_BYTES // 2**20} MiB" in TOO_LARGE_WORDS
