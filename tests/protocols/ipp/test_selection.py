"""What requested-attributes selects, of printers and of jobs."""

from collections.abc import Sequence

import pytest

from protocols.ipp.selection import GET_JOBS_DEFAULT, is_printer_template, job_selection, printer_selection
from protocols.ipp.values import Attribute, integer, keyword, no_value

PRINTER = tuple(
    no_value(name)
    for name in (
        "printer-name",
        "sides-default",
        "sides-supported",
        "media-ready",
        "media-col-database",
        "document-format-supported",
        "printer-state",
    )
)
JOB = (
    keyword("sides", "one-sided"),
    integer("copies", 1),
    integer("job-id", 1),
    keyword("job-uri", "u"),
    keyword("job-name", "n"),
)

DESCRIPTION = ["printer-name", "document-format-supported", "printer-state"]
TEMPLATE = ["sides-default", "sides-supported", "media-ready"]


def names(attributes: Sequence[Attribute]) -> list[str]:
    return [attribute.name for attribute in attributes]


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ([], ["printer-name", *TEMPLATE, "document-format-supported", "printer-state"]),
        (["all"], ["printer-name", *TEMPLATE, "document-format-supported", "printer-state"]),
        (["printer-description"], DESCRIPTION),
        (["job-template"], TEMPLATE),
        (
            ["job-template", "printer-description"],
            ["printer-name", *TEMPLATE, "document-format-supported", "printer-state"],
        ),
        (["media-col-database"], ["media-col-database"]),
        (["all", "media-col-database"], names(PRINTER)),
        (["job-template", "printer-state"], [*TEMPLATE, "printer-state"]),
        (["printer-state", "sides-default", "nonsense"], ["sides-default", "printer-state"]),
        (["nonsense"], []),
        (["job-description"], []),
        (["none"], []),
    ],
)
def test_printers(requested: list[str], expected: list[str]) -> None:
    assert names(printer_selection(requested).of(PRINTER)) == expected


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ([], names(JOB)),
        (["all"], names(JOB)),
        (["job-template"], ["sides", "copies"]),
        (["job-description"], ["job-id", "job-uri", "job-name"]),
        (["job-template", "job-name"], ["sides", "copies", "job-name"]),
        (["job-id", "copies"], ["copies", "job-id"]),
        (["printer-description"], []),
    ],
)
def test_jobs(requested: list[str], expected: list[str]) -> None:
    assert names(job_selection(requested).of(JOB)) == expected


def test_get_jobs_tells_two_attributes_unless_asked() -> None:
    assert names(job_selection([], GET_JOBS_DEFAULT).of(JOB)) == ["job-id", "job-uri"]
    assert names(job_selection(["job-name"], GET_JOBS_DEFAULT).of(JOB)) == ["job-name"]


def test_equal_wishes_are_equal_selections() -> None:
    assert printer_selection(["a", "b", "a"]) == printer_selection(["b", "a"])
    assert hash(printer_selection(["all"])) == hash(printer_selection([]))


def test_template_attributes_of_printers() -> None:
    assert is_printer_template("media-col-database")
    assert is_printer_template("copies-supported")
    assert not is_printer_template("copies")
    assert not is_printer_template("operations-supported")
    assert not is_printer_template("document-format-default")
