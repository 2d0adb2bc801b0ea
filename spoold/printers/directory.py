"""The configured printers by name: their adapters, their status now, and a look in the background."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog
import trio

from spoold.model.printer import Printer, PrinterStatus
from spoold.model.queue import Queue
from spoold.model.site import CurrentSite
from spoold.printers.base import PrinterAdapter, PrinterDescription, Supply
from spoold.printers.capabilities import DEFAULT, Capabilities, common, overridden, with_conversion
from spoold.printers.folder_printer import SCHEME, FolderPrinter
from spoold.printers.health import unknown
from spoold.printers.ipp_printer import IppPrinter
from spoold.printers.notebook import Notebook
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

# A printer that needs longer to say how it is is not one to send paper to (docs/design.md, invariant 4).
STATUS_DEADLINE_S = 3.0
# A list of printers may show what was true this long ago, however many people look at it.
LIST_AGE_S = 2.0
# Enough for a list that nobody is looking at, and for the metrics.
POLL_S = 30.0
# Printers asked at the same time by the background look.
POLL_CONCURRENCY = 8
# What a printer is, what it can do and how full its supplies are changes slowly.
DESCRIBE_S = 300.0
# A list of all media takes small printers some seconds to put together; nobody waits for it.
DESCRIBE_DEADLINE_S = 15.0

MakeAdapter = Callable[[Printer, Clock], PrinterAdapter]

SILENT_WORDS = "The printer does not answer."


def make_adapter(printer: Printer, clock: Clock) -> PrinterAdapter:
    """Return the adapter that speaks to a printer of this URI."""
    return FolderPrinter(printer, clock) if is_folder(printer) else IppPrinter(printer, clock)


def is_folder(printer: Printer) -> bool:
    """Tell whether a printer is a folder, which has nothing to say of itself."""
    return printer.uri.startswith(SCHEME)


@dataclass(frozen=True, slots=True)
class _Seen:
    status: PrinterStatus
    at_s: float


class PrinterDirectory:
    """Asks printers how they are.

    Args:
        site: asked anew each time, so that a reload counts at once.
        make: builds adapters; tests give their own.
        notebook: where it is kept what printers can do; nowhere when None.
    """

    def __init__(
        self,
        *,
        site: CurrentSite,
        clock: Clock,
        metrics: Metrics,
        make: MakeAdapter = make_adapter,
        notebook: Notebook | None = None,
    ) -> None:
        self._site = site
        self._clock = clock
        self._metrics = metrics
        self._make = make
        self._adapters: dict[str, tuple[Printer, PrinterAdapter]] = {}
        # A job may still be on its way through these.
        self._retired: list[PrinterAdapter] = []
        self._seen: dict[str, _Seen] = {}
        self._asking: dict[str, trio.Event] = {}
        self._descriptions: dict[str, tuple[float, PrinterDescription]] = {}
        self._notebook = notebook if notebook is not None else Notebook()
        self._supplies_changed = 0

    def adapter(self, name: str) -> PrinterAdapter | None:
        """Return the adapter of a configured printer, None when there is none of this name."""
        printer = self._site().printers.get(name)
        known = self._adapters.get(name)
        if known is not None and known[0] != printer:
            del self._adapters[name]
            self._retired.append(known[1])
            known = None
        if printer is None:
            return None
        if known is None:
            known = (printer, self._make(printer, self._clock))
            self._adapters[name] = known
        return known[1]

    async def status(self, name: str, fresh: bool = True) -> PrinterStatus:
        """Return how a printer is; what cannot be known within `STATUS_DEADLINE_S` is not ready.

        Args:
            fresh: ask now. Otherwise an answer up to `LIST_AGE_S` old will do.
        """
        if fresh:
            return await self._ask(name)
        while (asking := self._asking.get(name)) is not None:
            await asking.wait()
        seen = self._seen.get(name)
        if seen is not None and trio.current_time() - seen.at_s <= LIST_AGE_S:
            return seen.status
        self._asking[name] = trio.Event()
        try:
            return await self._ask(name)
        finally:
            self._asking.pop(name).set()

    async def statuses(self) -> dict[str, PrinterStatus]:
        """Return the status of every printer, at most `LIST_AGE_S` old, in the order of the configuration."""
        found: dict[str, PrinterStatus] = {}

        async def ask(name: str) -> None:
            found[name] = await self.status(name, fresh=False)

        names = list(self._site().printers)
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(ask, name)
        return {name: found[name] for name in names}

    def description(self, name: str) -> PrinterDescription:
        """Return what a printer said it is when it was last asked; empty until then."""
        return self._descriptions.get(name, (0.0, PrinterDescription()))[1]

    @property
    def epoch(self) -> int:
        """A number that grows whenever a printer can do something else or is filled otherwise."""
        return self._notebook.epoch + self._supplies_changed

    def capabilities(self, name: str) -> Capabilities | None:
        """Return what a printer can do, as it last said; None when there is none or it never said."""
        printer = self._site().printers.get(name)
        if printer is None:
            return None
        return DEFAULT if is_folder(printer) else self._notebook.of(printer)

    def queue_capabilities(self, queue: Queue) -> Capabilities:
        """Return what all printers of a queue can do, as they last said, with what the site overrides."""
        known = [found for name in queue.printers if (found := self.capabilities(name)) is not None]
        return overridden(common([with_conversion(one) for one in known]), queue.capabilities)

    def queue_supplies(self, queue: Queue) -> tuple[Supply, ...]:
        """Return what the printers of a queue are filled with, as they last said."""
        several = len(queue.printers) > 1
        return tuple(
            replace(supply, name=f"{name}: {supply.name}") if several else supply
            for name in queue.printers
            for supply in self.description(name).supplies
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look at every printer now and then, until cancelled; then close every kept connection."""
        task_status.started()
        limiter = trio.CapacityLimiter(POLL_CONCURRENCY)
        try:
            while True:
                self._forget_removed()
                async with trio.open_nursery() as nursery:
                    for name in self._site().printers:
                        nursery.start_soon(self._look, name, limiter)
                await trio.sleep(POLL_S)
        finally:
            with trio.CancelScope(shield=True):
                await self.aclose()

    async def aclose(self) -> None:
        """Close the connections that adapters keep, of printers that left the configuration too."""
        for _, adapter in self._adapters.values():
            await adapter.aclose()
        for adapter in self._retired:
            await adapter.aclose()
        self._retired.clear()

    async def _look(self, name: str, limiter: trio.CapacityLimiter) -> None:
        async with limiter:
            status = await self.status(name, fresh=False)
            adapter = self.adapter(name)
            described_s, _ = self._descriptions.get(name, (float("-inf"), None))
            if adapter is None or status.state == "unknown":
                return
            if trio.current_time() - described_s < DESCRIBE_S:
                return
            with trio.move_on_after(DESCRIBE_DEADLINE_S):
                await self._describe(name, adapter)

    async def _describe(self, name: str, adapter: PrinterAdapter) -> None:
        described = await adapter.describe()
        before = self.description(name)
        self._descriptions[name] = (trio.current_time(), replace(described, capabilities=None))
        if before.supplies != described.supplies:
            self._supplies_changed += 1
        printer = self._site().printers.get(name)
        if printer is not None and described.capabilities is not None:
            await self._notebook.learn(printer, described.capabilities)

    async def _ask(self, name: str) -> PrinterStatus:
        adapter = self.adapter(name)
        if adapter is None:
            return unknown(name, "There is no such printer any more.", self._clock.now())
        status: PrinterStatus | None = None
        with trio.move_on_after(STATUS_DEADLINE_S):
            status = await adapter.status()
        if status is None:
            status = unknown(name, SILENT_WORDS, self._clock.now())
        self._remember(name, status)
        return status

    def _remember(self, name: str, status: PrinterStatus) -> None:
        before = self._seen.get(name)
        self._seen[name] = _Seen(status, trio.current_time())
        self._metrics.printer_seen(name, up=status.state != "unknown", ready=status.ready)
        if before is None or (before.status.ready, before.status.why) != (status.ready, status.why):
            keywords = [reason.keyword for reason in status.reasons]
            log.info("printer", printer=name, ready=status.ready, state=status.state, reasons=keywords)

    def _forget_removed(self) -> None:
        for name in self._seen.keys() - self._site().printers.keys():
            del self._seen[name]
            self.adapter(name)
            self._descriptions.pop(name, None)
            self._notebook.forget(name)
            self._metrics.printer_removed(name)
