"""Runs the daemon's services side by side and brings all of them down in order.

A service that crashes takes the daemon down: logged once with its traceback, the others drained, exit
status 1, and systemd starts the daemon afresh. Restarting one service inside a process whose state is in
doubt would be a guess, and a spooler that guesses prints twice; the recovery that runs at start-up is
tested, a half-restarted process is not. Connections are another matter: each one's errors end at its own
edge and never get here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
import trio

EXIT_CLEAN = 0
EXIT_FAILED = 1

log = structlog.get_logger()


class ServiceMain(Protocol):
    """A service's body: calls `task_status.started()` once it is ready, then runs until cancelled."""

    def __call__(self, *, task_status: trio.TaskStatus[None]) -> Awaitable[None]:
        """Run the service."""
        ...


@dataclass(frozen=True)
class Service:
    """One long-running part of the daemon.

    Args:
        name: for the log.
        run: the body; returning by itself while the daemon is up counts as a crash.
        drain: makes the service take nothing new, at once, and returns when its running work is done;
            it is given the supervisor's drain time. The service is cancelled after it. None: there is
            nothing to wait for.
    """

    name: str
    run: ServiceMain
    drain: Callable[[], Awaitable[None]] | None = None


class Supervisor:
    """Starts services in order, waits for a stop or a crash, and ends them in the opposite order.

    Args:
        drain_timeout_s: how long all drains together may take; they run side by side.
        on_ready: called once every service has started (READY=1 belongs here).
        on_stopping: called with the reason before the first service is drained.
    """

    def __init__(
        self,
        *,
        drain_timeout_s: float,
        on_ready: Callable[[], None] | None = None,
        on_stopping: Callable[[str], None] | None = None,
    ) -> None:
        self._drain_timeout_s = drain_timeout_s
        self._on_ready = on_ready
        self._on_stopping = on_stopping
        self._stop = trio.Event()
        self._starting = trio.CancelScope()
        self._reason = ""
        self._exit_status = EXIT_CLEAN

    def stop(self, reason: str) -> None:
        """Ask for an orderly end; the first reason counts."""
        self._end(reason, EXIT_CLEAN)

    async def run(self, services: Sequence[Service]) -> int:
        """Run the services until `stop` or a crash; return the process's exit status (0 or 1)."""
        running: list[_Running] = []
        async with trio.open_nursery() as nursery:
            try:
                with self._starting:
                    await self._start_all(nursery, services, running)
                await self._stop.wait()
            finally:
                # Also on an outer cancellation; the drains then end at their first checkpoint.
                await self._bring_down(running)
        return self._exit_status

    async def _start_all(
        self, nursery: trio.Nursery, services: Sequence[Service], running: list["_Running"]
    ) -> None:
        """Start each service once the one before is ready; end early at a failure (a stop cancels this)."""
        for service in services:
            one = _Running(service)
            running.append(one)
            nursery.start_soon(self._watch, one)
            await one.settled.wait()
            if not one.ready or self._stop.is_set():
                return
        if self._on_ready is not None:
            self._on_ready()

    async def _watch(self, one: "_Running") -> None:
        name = one.service.name
        try:
            with one.scope:
                await one.service.run(task_status=one)
            if not one.scope.cancel_called and not self._stop.is_set():
                log.error("service ended by itself", service=name)
                self._end(f"{name} ended by itself", EXIT_FAILED)
        except Exception as error:  # the one place where a crash becomes an orderly end
            log.error("service crashed", service=name, exc_info=error)
            self._end(f"{name} crashed", EXIT_FAILED)
        finally:
            one.settled.set()
            one.ended.set()

    def _end(self, reason: str, exit_status: int) -> None:
        # A crash after an orderly stop was asked for still makes the exit status say so.
        self._exit_status = max(self._exit_status, exit_status)
        if not self._stop.is_set():
            self._reason = reason
            self._stop.set()
            self._starting.cancel()

    async def _bring_down(self, running: Sequence["_Running"]) -> None:
        log.info("stopping", reason=self._reason)
        if self._on_stopping is not None:
            self._on_stopping(self._reason)
        deadline = trio.current_time() + self._drain_timeout_s
        # Side by side: a door that waits for its last request must not leave the next one open meanwhile.
        async with trio.open_nursery() as drains:
            for one in reversed(running):
                if one.service.drain is not None and not one.ended.is_set():
                    drains.start_soon(self._drain, one, one.service.drain, deadline)
        # Doors are started last, so they are gone first and the store they write to ends after them.
        for one in reversed(running):
            one.scope.cancel()
            await one.ended.wait()
        log.info("stopped", exit_status=self._exit_status)

    async def _drain(self, one: "_Running", drain: Callable[[], Awaitable[None]], deadline: float) -> None:
        with trio.CancelScope(deadline=deadline) as scope:
            try:
                await drain()
            except Exception as error:  # a failed drain must not keep the others from theirs
                log.error("drain failed", service=one.service.name, exc_info=error)
                self._exit_status = EXIT_FAILED
        if scope.cancelled_caught:
            log.warning("drain ran out of time", service=one.service.name)


class _Running:
    """A started service; also its own `TaskStatus`, so that a crash before readiness is seen as one."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.scope = trio.CancelScope()
        self.settled = trio.Event()
        self.ended = trio.Event()
        self.ready = False

    def started(self, _value: None = None) -> None:
        self.ready = True
        self.settled.set()
