"""Metrics are rendered from an own registry under the names the documentation gives."""

import re

import pytest

from spoold.model.errors import Busy, NotAuthorized
from spoold.runtime.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_transition_to_unknown_counts_as_one() -> None:
    metrics = Metrics()
    metrics.job_moved("releasing", "printing")
    metrics.job_moved("printing", "unknown")
    assert value(metrics, "spoold_job_transitions_total", old="releasing", new="printing") == 1
    assert value(metrics, "spoold_jobs_unknown_total") == 1


@pytest.mark.parametrize(
    ("status", "expected"), [(100, "1xx"), (200, "2xx"), (404, "4xx"), (507, "5xx"), (999, "5xx")]
)
def test_requests_are_counted_by_status_class(status: int, expected: str) -> None:
    metrics = Metrics()
    metrics.http_answered("ipp", status)
    assert value(metrics, "spoold_http_requests_total", listener="ipp", status=expected) == 1


def test_a_removed_printer_leaves_no_gauge() -> None:
    metrics = Metrics()
    metrics.printer_seen("lobby", up=True, ready=False)
    assert value(metrics, "spoold_printer_up", printer="lobby") == 1
    assert value(metrics, "spoold_printer_ready", printer="lobby") == 0
    metrics.printer_removed("lobby")
    assert value(metrics, "spoold_printer_up", printer="lobby") is None


def test_refusals_are_counted_by_the_kind_of_their_error() -> None:
    metrics = Metrics()
    metrics.refused(NotAuthorized("Not yours."))
    metrics.refused(Busy("Come again.", user="eve"))
    assert value(metrics, "spoold_refusals_total", kind="not-authorized") == 1
    assert value(metrics, "spoold_refusals_total", kind="busy") == 1
    assert b"eve" not in metrics.render()


def test_the_remaining_figures_reach_the_rendering() -> None:
    metrics = Metrics()
    metrics.set_jobs_held(7)
    metrics.bytes_received("lpr", 4802)
    metrics.bytes_forwarded("lobby", 2401)
    metrics.forward_ended("completed", 3.5)
    metrics.lpr_peer_refused()
    metrics.protocol_error("lpr")
    metrics.sign_in("throttled")
    metrics.inspected("unknown", 0.2)
    metrics.set_sandbox_ok(False)
    metrics.set_store_free(1024)
    metrics.clock_stepped()
    metrics.set_health("store", 2)
    text = metrics.render().decode()
    for line in (
        "spoold_jobs_held 7.0",
        'spoold_received_bytes_total{protocol="lpr"} 4802.0',
        'spoold_forwarded_bytes_total{printer="lobby"} 2401.0',
        'spoold_forward_seconds_count{result="completed"} 1.0',
        "spoold_lpr_refused_peers_total 1.0",
        'spoold_protocol_errors_total{protocol="lpr"} 1.0',
        'spoold_sign_ins_total{result="throttled"} 1.0',
        'spoold_inspections_total{result="unknown"} 1.0',
        "spoold_inspection_seconds_count 1.0",
        "spoold_sandbox_ok 0.0",
        "spoold_store_free_bytes 1024.0",
        "spoold_clock_steps_total 1.0",
        'spoold_health{component="store"} 2.0',
    ):
        assert line in text.splitlines()


def test_names_are_prefixed_and_labels_name_no_person_or_document() -> None:
    metrics = Metrics()
    labels: set[str] = set()
    for family in metrics.registry.collect():
        assert re.match(r"(spoold|process)_", family.name)
        for sample in family.samples:
            labels |= set(sample.labels)
    assert labels.isdisjoint({"user", "job", "title", "document", "address", "peer"})


def test_two_daemons_in_one_process_do_not_share_figures() -> None:
    first, second = Metrics(), Metrics()
    first.lpr_peer_refused()
    assert value(second, "spoold_lpr_refused_peers_total") == 0
