"""Asks the site's policy at release, for everybody whom its rules may be about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from policy.decision import AttributeValue, Decision
from protocols.errors import RemoteProtocolError
from protocols.ipp.values import Attribute
from spoold.model.errors import RefusedByPolicy, Unavailable
from spoold.model.job import Document, Job
from spoold.model.policy_facts import facts_for
from spoold.model.principal import Principal
from spoold.model.printer import Printer
from spoold.model.site import CurrentSite
from spoold.model.template import template_of
from spoold.runtime.clock import Clock

_NOT_ALLOWED = "The rules of this site do not allow it."
HOLD = "hold-for-approval"


@dataclass(frozen=True, slots=True)
class Question:
    """What the policy is asked about at release.

    Args:
        template: the job's Job Template attributes, decoded.
        approved: the rules for which somebody who may has approved the job.
        ready, color: whether the printer may be sent a document now, and prints in colour; None is unknown.
    """

    job: Job
    documents: Sequence[Document]
    template: Sequence[Attribute]
    printer: Printer
    approved: frozenset[str] = frozenset()
    ready: bool | None = None
    color: bool | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the rules in force."""

    site: CurrentSite
    clock: Clock

    def ask(self, question: Question, people: Sequence[Principal | None]) -> Decision:
        """Return what the rules say when they are asked about each of these people; all must pass.

        Args:
            people: whose facts they are asked with, the owner last: where several set the same attribute
                the owner's word counts. None is a person who was not proven.

        Returns:
            A decision to allow, or to hold for approval.

        Raises:
            RefusedByPolicy: a rule denies, or the job has waited longer than rules allow.
        """
        decisions = [self._ask(question, principal) for principal in people]
        held = next((one for one in decisions if one.verdict == HOLD), decisions[-1])
        sent = decisions[-1] if decisions[-1].redirect else held
        settings: dict[str, AttributeValue] = {}
        for one in decisions:
            settings.update(one.set_attributes)
        return replace(
            held,
            set_attributes=settings,
            redirect=sent.redirect,
            cheapest=sent.cheapest,
            mask=any(one.mask for one in decisions),
            watermark=tuple(dict.fromkeys(line for one in decisions for line in one.watermark)),
            archive=any(one.archive for one in decisions),
        )

    def _ask(self, question: Question, principal: Principal | None) -> Decision:
        job, now = question.job, self.clock.now()
        facts = facts_for(
            queue=job.queue,
            principal=principal,
            claimed_name=job.claimed_name,
            template=question.template,
            documents=question.documents,
            peer=job.peer,
            protocol=job.protocol,
            submitted_at=job.created_at,
            printer=question.printer,
            approved=question.approved,
            color=question.color,
            ready=question.ready,
        )
        decision = self.site().policy.decide("release", facts, now)
        if decision.verdict == "deny":
            raise RefusedByPolicy(decision.message or _NOT_ALLOWED, job=str(job.id), rule=decision.rule)
        if decision.hold_s is not None and now - job.created_at > timedelta(seconds=decision.hold_s):
            raise RefusedByPolicy(
                "The job has waited longer than the rules of this site allow; print the document again.",
                job=str(job.id),
            )
        return decision


def readable_template(job: Job) -> tuple[Attribute, ...]:
    """Return a job's template.

    Raises:
        Unavailable: what is stored cannot be read.
    """
    try:
        return template_of(job)
    except RemoteProtocolError as error:
        words = "The print settings stored with this job cannot be read; print the document again."
        raise Unavailable(words, job=str(job.id), error=str(error)) from error
