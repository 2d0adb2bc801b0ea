"""What the pipeline writes and reads of a job's rows, as work for the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from protocols.ipp.message import Attribute
from spoold.database import jobs, obligations
from spoold.intake.decide import Acceptance
from spoold.intake.submission import Submission
from spoold.model.errors import NotFound, NotPossible
from spoold.model.ids import JobId
from spoold.model.job import Document, Job
from spoold.model.jobstate import JobEvent, JobState
from spoold.model.obligation import Obligation
from spoold.model.template import encoded, template_of
from spoold.records import approvals, transitions


def new_job(
    submission: Submission, job_id: JobId, sealed_words: tuple[bytes, bytes], *, now: datetime, **known: Any
) -> Job:
    """Return the row of a job that begins now.

    Args:
        sealed_words: the job's wrapped key, and its private words sealed under it.
        **known: what is decided already, under the model's names.
    """
    if "template" not in known:
        known["template"] = encoded(submission.template)
    wrapped_key, private = sealed_words
    principal = submission.principal
    return Job(
        id=job_id,
        number=0,
        queue=submission.queue.name,
        state=JobState.RECEIVING,
        reason="Its documents are arriving.",
        owner_id=principal.id if principal else None,
        claimed_name=submission.claimed_name,
        peer=submission.peer,
        protocol=submission.protocol,
        private=private,
        wrapped_key=wrapped_key,
        on_arrival=submission.on_arrival,
        created_at=known.pop("created_at", now),
        changed_at=now,
        expires_at=known.pop("expires_at", now + submission.queue.expires_after),
        **known,
    )


def note_demands(connection: Connection, job_id: JobId, acceptance: Acceptance, now: datetime) -> None:
    """Write down what rules ask of later stages: whose approval a job waits for, and what is done to it.

    Nothing is written for the many jobs of which nothing is asked.
    """
    asked = {
        Obligation.MASK: acceptance.mask,
        Obligation.WATERMARK: bool(acceptance.watermark),
        Obligation.ARCHIVE: acceptance.archive,
    }
    words = [one for one, is_asked in asked.items() if is_asked]
    if words and acceptance.event is not JobEvent.REFUSED:
        obligations.add(connection, job_id, words, watermarks=acceptance.watermark)
    if acceptance.event is JobEvent.NEEDS_APPROVAL:
        approvals.want(connection, job_id, acceptance.holding, acceptance.approvers, now)


def seal_job(connection: Connection, job_id: JobId, actor: str, now: datetime) -> Job:
    """End the arrival of a job's documents; a job without any is aborted.

    Raises:
        NotFound, NotPossible: there is no such job, or it is not receiving.
    """
    job = jobs.job_by_id(connection, job_id)
    if job is None:
        raise NotFound("There is no such job.", job=str(job_id))
    if job.state is not JobState.RECEIVING:
        raise NotPossible("The job takes no more documents.", job=str(job_id))
    if job.documents == 0:
        words = "The job came without a document."
        return transitions.move(connection, job_id, JobEvent.REFUSED, words=words, actor=actor, now=now)
    words = "Its documents are being looked at."
    return transitions.move(connection, job_id, JobEvent.SEALED, words=words, actor=actor, now=now)


def insert_next(
    connection: Connection,
    job_id: JobId,
    document: Document,
    now: datetime,
    said: Sequence[Attribute] = (),
) -> Job | None:
    """Insert a document if its job still waits for exactly this one.

    Args:
        said: what the client said of the document; the first one's is kept for whoever reads the job back.
    """
    job = jobs.job_by_id(connection, job_id)
    if job is None or job.state is not JobState.RECEIVING or job.documents != document.number - 1:
        return None
    jobs.insert_document(connection, document)
    kept = job.template
    if said and document.number == 1:
        known = {attribute.name: attribute for attribute in (*said, *template_of(job))}
        kept = encoded(known.values())
    jobs.update_job(
        connection,
        job_id,
        [JobState.RECEIVING],
        template=kept,
        documents=document.number,
        size_bytes=job.size_bytes + document.size_bytes,
        formats=(*job.formats, document.format),
        changed_at=now,
    )
    return jobs.job_by_id(connection, job_id)


def summary(documents: Sequence[Document]) -> dict[str, Any]:
    """Return the job's columns that sum its documents up."""
    pages = [document.pages for document in documents]
    return {
        "documents": len(documents),
        "size_bytes": sum(document.size_bytes for document in documents),
        "formats": tuple(document.format for document in documents),
        "pages": None if None in pages else sum(page for page in pages if page is not None),
    }
