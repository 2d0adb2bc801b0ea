"""Every metric the daemon has: the one place for their names, labels and help texts.

Labels hold words from closed sets and the names administrators gave to printers and queues; never a
person, an address or a document. Nothing is registered globally: a `Metrics` object is made by the
composition root and handed down.
"""

import functools
from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from spoold.model.errors import SpoolError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Protocol = Literal["ipp", "lpr", "web", "control"]
ForwardResult = Literal["completed", "held", "unknown", "canceled"]
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
# From a page on a fast device to a photo book on a slow one.
FORWARD_BUCKETS_S = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
INSPECTION_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)


def _kept(labels: Callable[..., Counter]) -> Callable[..., Counter]:
    """Return `labels` of a counter with the children it made; finding one again takes it 4 us."""
    return functools.cache(labels)


class Metrics:
    """The daemon's counters and gauges in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._transitions = _kept(
            self._counter("spoold_job_transitions", "Job state changes", "old", "new").labels
        )
        self._held = self._gauge("spoold_jobs_held", "Jobs waiting for their owner now")
        self._unknown = self._counter("spoold_jobs_unknown", "Jobs whose printing nobody can know")
        self._refusals = self._counter("spoold_refusals", "Requests refused, by kind", "kind")
        self._received = _kept(
            self._counter("spoold_received_bytes", "Document bytes taken in", "protocol").labels
        )
        self._forwarded = self._counter(
            "spoold_forwarded_bytes", "Document bytes sent to printers", "printer"
        )
        self._forward_s = self._histogram(
            "spoold_forward_seconds", "Grant to confirmed end", FORWARD_BUCKETS_S, "result"
        )
        self._printer_up = self._gauge("spoold_printer_up", "1 if the printer answers", "printer")
        self._printer_ready = self._gauge("spoold_printer_ready", "1 if nothing blocks it", "printer")
        self._lpr_refused = self._counter("spoold_lpr_refused_peers", "LPR connections from outside the list")
        self._protocol_errors = self._counter("spoold_protocol_errors", "Malformed requests", "protocol")
        self._http = _kept(
            self._counter("spoold_http_requests", "HTTP requests answered", "listener", "status").labels
        )
        self._sign_ins = self._counter("spoold_sign_ins", "Credentials checked", "result")
        self._inspections = self._counter("spoold_inspections", "Documents inspected", "result")
        self._inspection_s = self._histogram(
            "spoold_inspection_seconds", "Time in the document worker", INSPECTION_BUCKETS_S
        )
        self._sandbox_ok = self._gauge("spoold_sandbox_ok", "1 if the document worker can be locked down")
        self._store_free = self._gauge("spoold_store_free_bytes", "Room left in the hold store")
        self._clock_steps = self._counter("spoold_clock_steps", "Times the wall clock was set while running")
        self._health = self._gauge("spoold_health", "0 ok, 1 degraded, 2 failed", "component")

    def render(self) -> bytes:
        """Return all metrics in the Prometheus text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    # --- jobs

    def job_moved(self, old: str, new: str) -> None:
        """Count one state change; both are words of the job state table."""
        self._transitions(old, new).inc()
        if new == "unknown":
            self._unknown.inc()

    def set_jobs_held(self, count: int) -> None:
        """Set how many jobs are held now."""
        self._held.set(count)

    def refused(self, error: SpoolError) -> None:
        """Count a refusal or failure a client was told of, by the error's kind."""
        self._refusals.labels(error.kind).inc()

    def bytes_received(self, protocol: Protocol, count: int) -> None:
        """Add document bytes taken in."""
        self._received(protocol).inc(count)

    # --- printers

    def printer_seen(self, printer: str, *, up: bool, ready: bool) -> None:
        """Set whether the printer answers, and whether nothing blocks it."""
        self._printer_up.labels(printer).set(up)
        self._printer_ready.labels(printer).set(ready)

    def printer_removed(self, printer: str) -> None:
        """Drop a printer's gauges after it left the configuration."""
        for gauge in (self._printer_up, self._printer_ready):
            gauge.remove(printer)

    def bytes_forwarded(self, printer: str, count: int) -> None:
        """Add document bytes sent to a printer."""
        self._forwarded.labels(printer).inc(count)

    def forward_ended(self, result: ForwardResult, seconds: float) -> None:
        """Record how one forward ended and how long it took."""
        self._forward_s.labels(result).observe(seconds)

    # --- doors

    def lpr_peer_refused(self) -> None:
        """Count an LPR connection from outside the allow list."""
        self._lpr_refused.inc()

    def protocol_error(self, protocol: Protocol) -> None:
        """Count a connection closed because the peer broke the protocol."""
        self._protocol_errors.labels(protocol).inc()

    def http_answered(self, listener: Protocol, status: int) -> None:
        """Count an answer by the class of its status."""
        index = min(max(status // 100, 1), 5) - 1
        self._http(listener, STATUS_CLASSES[index]).inc()

    def sign_in(self, result: Literal["accepted", "rejected", "throttled", "unavailable"]) -> None:
        """Count a check of credentials."""
        self._sign_ins.labels(result).inc()

    # --- documents

    def inspected(self, result: Literal["known", "unknown"], seconds: float) -> None:
        """Record one inspection and the time the worker took."""
        self._inspections.labels(result).inc()
        self._inspection_s.observe(seconds)

    def set_sandbox_ok(self, ok: bool) -> None:
        """Set whether documents can be parsed in the sandbox."""
        self._sandbox_ok.set(ok)

    # --- the house

    def set_store_free(self, count: int) -> None:
        """Set the room left in the hold store, in bytes."""
        self._store_free.set(count)

    def clock_stepped(self) -> None:
        """Count that somebody set the wall clock."""
        self._clock_steps.inc()

    def set_health(self, component: str, state: int) -> None:
        """Set a component's health: 0 ok, 1 degraded, 2 failed."""
        self._health.labels(component).set(state)

    # --- making them

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)
