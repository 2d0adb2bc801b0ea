"""Where a job comes out: the chosen printer if it is ready, or the one that a rule sends the job to."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import trio

from policy.decision import Decision
from protocols.ipp.values import Attribute
from spoold.model.errors import PrinterNotReady, RefusedByPolicy
from spoold.model.job import Job
from spoold.model.printer import Printer, PrinterStatus
from spoold.model.site import CurrentSite
from spoold.model.template import with_settings
from spoold.printers.directory import PrinterDirectory
from spoold.printers.fitting import fit
from spoold.printers.health import finishing_trouble
from spoold.release.asking import Question
from spoold.release.raster_plan import target_of, with_drawing
from spoold.release.template import asks_for_finishing, outward

# Asking more printers than a person would walk to only loads the network.
MAX_ALTERNATIVES = 16

# Asks the policy about a printer; raises what the rules refuse with.
Ask = Callable[[Question], Decision]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a job goes, and what the rules say about that.

    Args:
        ready_at_s: when the printer was asked that is ready (trio's clock).
        because: why it is not the printer that was chosen, for the person; else empty.
    """

    printer: Printer
    decision: Decision
    ready_at_s: float
    because: str = ""


@dataclass(frozen=True, slots=True)
class Destinations:
    """Finds out where jobs can go."""

    site: CurrentSite
    printers: PrinterDirectory

    async def find(self, question: Question, ask: Ask) -> Destination:
        """Ask the printer and the rules, and follow a rule that sends the job to another printer.

        Returns:
            Where the job goes; its decision may be to hold the job for approval.

        Raises:
            PrinterNotReady: with the reason, and a better printer when there is one.
            RefusedByPolicy: in the words of the rule.
        """
        asked_at_s = trio.current_time()
        status = await self.printers.status(question.printer.name)
        question = self._about(question, question.printer, status)
        decision = ask(question)
        if (
            decision.verdict == "allow"
            and decision.redirect
            and (decision.cheapest or question.printer.name not in decision.redirect)
        ):
            return await self._elsewhere(question, decision, ask)
        why = _trouble(status, question.template)
        if why is not None and decision.verdict == "allow":
            raise await self._not_ready(question, status, why, ask)
        return Destination(question.printer, decision, asked_at_s)

    def _about(self, question: Question, printer: Printer, status: PrinterStatus) -> Question:
        abilities = self.printers.capabilities(printer.name)
        return replace(
            question,
            printer=printer,
            ready=status.ready,
            color=None if abilities is None else abilities.color,
        )

    async def _elsewhere(self, question: Question, decision: Decision, ask: Ask) -> Destination:
        """Return the first printer of a redirection that is ready, fits and is permitted.

        Where the cheapest is wanted that one; where two cost the same, the one that was chosen, and then in
        the order of the rule.
        """
        known = self._printers_of(question.job)
        wanted = [known[name] for name in decision.redirect if name in known][:MAX_ALTERNATIVES]
        if decision.cheapest:
            wanted.sort(key=lambda one: (_cost(one), one.name != question.printer.name))
        asked_at_s = trio.current_time()
        statuses = await self._statuses(wanted)
        reasons: list[str] = []
        for printer in wanted:
            status = statuses[printer.name]
            template = with_settings(question.template, decision.set_attributes)
            why = _trouble(status, template)
            if why is None:
                why = self._misfit(question, printer, template)
            if why is None:
                try:
                    found = ask(self._about(question, printer, status))
                except RefusedByPolicy as error:
                    why = error.public
                else:
                    if printer.name == question.printer.name:
                        return Destination(printer, found, asked_at_s)
                    rule = next(one.rule for one in reversed(decision.because) if one.printers)
                    return Destination(printer, found, asked_at_s, f'the rule "{rule}" sends it there')
            reasons.append(f"{called(printer)}: {why}")
        places = list_of(called(printer) for printer in wanted) or "another printer"
        raise PrinterNotReady(
            f"A rule of this site sends this job to {places}, where it cannot be printed now. "
            f"{' '.join(reasons)} Nothing was printed and your job is still held; release it again later.",
            job=str(question.job.id),
            printer=question.printer.name,
        )

    def _misfit(self, question: Question, printer: Printer, template: Sequence[Attribute]) -> str | None:
        """Say what the printer lacks for this job; None when nothing is known to be missing."""
        plain = self.printers.capabilities(printer.name)
        abilities = with_drawing(plain, question.documents)
        if plain is None or abilities is None:
            return None
        for document in question.documents:
            kind = document.format.lower()
            if kind not in plain.formats and target_of(kind, plain) is None:
                return "It does not take this kind of document."
        _, remarks = fit(outward(template), abilities)
        return " ".join(remarks) or None

    def _printers_of(self, job: Job) -> dict[str, Printer]:
        site = self.site()
        queue = site.queues.get(job.queue)
        names = () if queue is None else queue.printers
        return {name: site.printers[name] for name in names if name in site.printers}

    async def _not_ready(
        self, question: Question, status: PrinterStatus, why: str, ask: Ask
    ) -> PrinterNotReady:
        job, printer = question.job, question.printer
        others = [one for name, one in self._printers_of(job).items() if name != printer.name]
        statuses = await self._statuses(others[:MAX_ALTERNATIVES])
        better = next(
            (
                one
                for one in others
                if one.name in statuses
                and statuses[one.name].ready
                and self._is_permitted(self._about(question, one, statuses[one.name]), ask)
            ),
            None,
        )
        advice = (
            f"It can be released at {called(better)} now."
            if better is not None
            else "Put the printer right, then release the job again."
        )
        return PrinterNotReady(
            f"{called(printer)} is not ready. {why} Nothing was printed and your job is still held. {advice}",
            job=str(job.id),
            printer=printer.name,
            better=None if better is None else better.name,
            reasons=[reason.keyword for reason in status.blocking],
        )

    @staticmethod
    def _is_permitted(question: Question, ask: Ask) -> bool:
        """Tell whether groups and rules let the job out there: nobody is sent on to be refused."""
        try:
            return ask(question).verdict == "allow"
        except RefusedByPolicy:
            return False

    async def _statuses(self, printers: Iterable[Printer]) -> dict[str, PrinterStatus]:
        """Return what printers say of themselves; all are asked at the same time."""
        found: dict[str, PrinterStatus] = {}

        async def ask(name: str) -> None:
            found[name] = await self.printers.status(name)

        async with trio.open_nursery() as nursery:
            for printer in printers:
                nursery.start_soon(ask, printer.name)
        return found


def _cost(printer: Printer) -> float:
    """Return what a page costs; of which nobody has said it, that is the dearest."""
    return math.inf if printer.cost is None else printer.cost


def called(printer: Printer) -> str:
    """Return what people call a printer: its name, and where it stands."""
    return f"{printer.name} ({printer.location})" if printer.location else printer.name


def list_of(names: Iterable[str]) -> str:
    """Return names as people say them: "a", "a or b", "a, b or c"."""
    *most, last = list(names) or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _trouble(status: PrinterStatus, template: Sequence[Attribute]) -> str | None:
    """Say why a job cannot go to a printer with this status, or None."""
    if not status.ready:
        return status.why
    if asks_for_finishing(template):
        reason = finishing_trouble(status)
        return None if reason is None else reason.text
    return None
