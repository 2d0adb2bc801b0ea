"""Changes a held job's settings and name for its owner; the site's rules are asked as at acceptance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from protocols.ipp.message import Attribute
from spoold.database import approvals, jobs
from spoold.database.engine import Database
from spoold.intake.decide import decide
from spoold.intake.submission import Submission
from spoold.keys.words import TITLE, PrivateWords
from spoold.model.errors import NotFound, NotPossible, RefusedByPolicy
from spoold.model.job import Job
from spoold.model.jobstate import JobEvent, JobState
from spoold.model.principal import Principal
from spoold.model.queue import Queue
from spoold.model.site import CurrentSite
from spoold.model.template import template_of
from spoold.records import audit, transitions
from spoold.runtime.clock import Clock

log = structlog.get_logger()

_MEANWHILE = "The job has just changed; nothing of it was changed. Look again."


@dataclass(frozen=True, slots=True)
class Change:
    """What a job's owner wants to be different.

    Args:
        settings: Job Template attributes that take the place of those of the same name.
        removed: names of attributes that are taken away.
        title: the new name; None leaves it.
    """

    settings: Sequence[Attribute] = ()
    removed: frozenset[str] = frozenset()
    title: str | None = None

    @property
    def names(self) -> list[str]:
        """What is changed; values do not belong into the records."""
        named = {one.name for one in self.settings} | self.removed
        return sorted(named | ({"job-name"} if self.title is not None else set()))


@dataclass(frozen=True, slots=True)
class JobChanges:
    """Makes such changes."""

    site: CurrentSite
    database: Database
    words: PrivateWords
    clock: Clock

    async def change(self, owner: Principal, queue: Queue, job: Job, change: Change) -> Job:
        """Change a held job, durably.

        Raises:
            NotPossible: the job is not held, or changed meanwhile.
            RefusedByPolicy: a rule does not allow it; nothing was changed.
            Unavailable: the job's words cannot be read.
        """
        if job.state is not JobState.HELD:
            raise NotPossible("Only a job that is held can be changed.", job=str(job.id), state=job.state)
        changes: dict[str, object] = {"template": await self._template(owner, queue, job, change)}
        if change.title is not None:
            changes["private"] = self.words.seal_again(job, {**self.words.open(job), TITLE: change.title})
        changed = await self.database.write(
            lambda connection: self._write(connection, job, change, changes, owner)
        )
        log.info("job-changed", job=str(job.id), user=owner.id, attributes=change.names)
        return changed

    async def _template(self, owner: Principal, queue: Queue, job: Job, change: Change) -> bytes:
        """Return the new template with what the rules set; what they set before, they set again."""
        gone = {one.name for one in change.settings} | change.removed
        template = (*(one for one in template_of(job) if one.name not in gone), *change.settings)
        documents = await self.database.read(lambda connection: jobs.documents_of(connection, job.id))
        submission = Submission(
            queue=queue,
            principal=owner,
            requesting_user_name=job.claimed_name,
            peer=job.peer,
            protocol=job.protocol,
            template=template,
        )
        acceptance = decide(
            self.site().policy, submission, documents, self.clock.now(), on_arrival=job.on_arrival
        )
        if acceptance.event is JobEvent.REFUSED:
            raise RefusedByPolicy(acceptance.words, rule=acceptance.rule, job=str(job.id))
        if acceptance.event is JobEvent.NEEDS_APPROVAL:
            words = f"{acceptance.words} Nothing was changed; print the document again with these settings."
            raise RefusedByPolicy(words, rule=acceptance.rule, job=str(job.id))
        return acceptance.template

    def _write(
        self,
        connection: Connection,
        job: Job,
        change: Change,
        changes: Mapping[str, object],
        owner: Principal,
    ) -> Job:
        now = self.clock.now()
        current = jobs.job_by_id(connection, job.id)
        # What was decided on must be what is there: neither released nor changed by somebody else meanwhile.
        if current != job:
            raise NotPossible(_MEANWHILE, job=str(job.id))
        jobs.update_job(connection, job.id, [JobState.HELD], changed_at=now, **changes)
        if change.settings or change.removed:
            # What was approved is not what would be printed now.
            approvals.forget_approvals(connection, job.id)
        words = f"Changed by its owner: {', '.join(change.names)}."
        transitions.note(connection, job.id, event="changed", words=words, now=now)
        audit.append(
            connection,
            at=now,
            kind="job-changed",
            actor=owner.id,
            job=str(job.id),
            queue=job.queue,
            attributes=change.names,
        )
        changed = jobs.job_by_id(connection, job.id)
        if changed is None:
            raise NotFound("There is no such job.", job=str(job.id))
        return changed
