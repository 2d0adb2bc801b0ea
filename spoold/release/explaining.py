"""Explains what the rules say about a job now, without doing anything about it."""

from dataclasses import dataclass

from policy.explain import Explanation
from policy.facts import Facts
from spoold.model.approval import approved_rules
from spoold.model.errors import NotPossible
from spoold.model.job import Job
from spoold.model.policy_facts import facts_for
from spoold.model.principal import Principal
from spoold.model.site import CurrentSite
from spoold.printers.directory import PrinterDirectory
from spoold.release.asking import readable_template
from spoold.release.gate import FindOwner
from spoold.release.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Explaining:
    """Asks the rules in force about jobs, for people who want to know why."""

    ledger: Ledger
    site: CurrentSite
    printers: PrinterDirectory
    people: FindOwner

    async def explain(
        self, job: Job, viewer: Principal | None, printer: str | None
    ) -> tuple[Explanation, Explanation]:
        """Return what the rules say of the job's acceptance, with what is known now, and of a release now.

        Args:
            viewer: who asks; if they own the job, nobody else is asked about them.
            printer: where it would come out; the queue's first when None.

        Raises:
            NotPossible: the queue or the printer is gone.
            Unavailable: the owner's directory cannot be asked.
        """
        site = self.site()
        queue = site.queues.get(job.queue)
        names = [] if queue is None else [name for name in queue.printers if name in site.printers]
        if not names or printer not in {None, *names}:
            raise NotPossible("This job cannot be released at that printer.", job=str(job.id))
        chosen = site.printers[printer or names[0]]
        owner = viewer
        if viewer is None or not job.owned_by(viewer):
            owner = None if job.owner_id is None else await self.people(job.owner_id)
        documents, decided = await self.ledger.evidence(job.id)
        status = await self.printers.status(chosen.name, fresh=False)
        abilities = self.printers.capabilities(chosen.name)

        def facts(*, released: bool) -> Facts:
            return facts_for(
                queue=job.queue,
                principal=owner,
                claimed_name=job.claimed_name,
                template=readable_template(job),
                documents=documents,
                peer=job.peer,
                protocol=job.protocol,
                submitted_at=job.created_at if released else None,
                printer=chosen if released else None,
                approved=approved_rules(decided, job, owner) if released else frozenset(),
                color=None if abilities is None else abilities.color,
                ready=status.ready,
            )

        accepted = site.policy.explain("accept", facts(released=False), job.created_at)
        return accepted, site.policy.explain("release", facts(released=True), self.ledger.clock.now())
