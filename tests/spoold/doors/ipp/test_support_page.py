"""docs/ipp-support.md lists every operation and attribute, and says of each what the code does."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.registry import JOB_TEMPLATE as REGISTERED_TEMPLATE
from protocols.ipp.values import keyword
from spoold.doors.ipp.capabilities import JOB_TEMPLATE
from spoold.doors.ipp.declarations import OPERATIONS
from spoold.doors.ipp.job_table import JOB_ATTRIBUTES
from tests.support.ipp_door import IppHouse

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "ipp-support.md").read_text()
# How the door's code asks for an operation attribute of a request.
READING = re.compile(r'operation\w*\.(?:string|strings|integer|boolean|get)\(\s*"([a-z-]+)"')
# Read where every request is: its first two attributes by position (RFC 8011 4.1.4).
BY_POSITION = {"attributes-charset", "attributes-natural-language"}


def rows(heading: str) -> list[tuple[str, str, str]]:
    """Return names, yes or no, and words of every row of the table under a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (`[^|]*`) \| (yes|no) \| ([^|]*) \|$", section, re.MULTILINE)


def listed(heading: str, answer: str) -> set[str]:
    """Return the attributes that the table under a heading says yes or no to."""
    return {name for names, said, _ in rows(heading) if said == answer for name in names_in(names)}


def names_in(cell: str) -> Iterable[str]:
    return re.findall(r"`([a-z0-9_-]+)`", cell)


def test_every_operation_has_a_row() -> None:
    row_of = r"^\| ([A-Z][A-Za-z-]+) \| 0x([0-9A-F]{4}) \| (yes|no) \| ([^|]+) \|$"
    found = re.findall(row_of, PAGE, re.MULTILINE)
    assert [(name, int(code, 16)) for name, code, _, _ in found] == [(one.rfc_name, one) for one in Operation]
    answered = {one.operation.rfc_name: one for one in OPERATIONS}
    assert {name for name, _, said, _ in found if said == "yes"} == answered.keys()
    for name, _, said, words in found:
        if said == "yes":
            row = f"{answered[name].about.value}, {answered[name].action.value}: "
            assert words.startswith(row), f"{name}: {row}"


@pytest.mark.parametrize(
    "heading", ["Printer attributes", "Job Template attributes", "Job attributes", "Operation attributes"]
)
def test_every_attribute_is_listed_once(heading: str) -> None:
    found = [name for names, _, _ in rows(heading) for name in names_in(names)]
    assert len(found) > 50
    assert sorted(found) == sorted(set(found))
    for names, said, words in rows(heading):
        assert said == "yes" or words, names


async def test_the_printer_attributes_are_those_that_are_answered(door: IppHouse) -> None:
    asked = keyword("requested-attributes", "all", "media-col-database")
    reply = await door.ask(Operation.GET_PRINTER_ATTRIBUTES, asked)
    assert {attribute.name for attribute in reply.printer} == listed("Printer attributes", "yes")


def test_the_job_template_attributes_are_those_that_are_taken() -> None:
    assert listed("Job Template attributes", "yes") == set(JOB_TEMPLATE)
    assert REGISTERED_TEMPLATE.keys() <= listed("Job Template attributes", "yes") | listed(
        "Job Template attributes", "no"
    )


def test_the_job_attributes_are_those_that_are_answered() -> None:
    assert listed("Job attributes", "yes") == JOB_ATTRIBUTES.keys() - set(JOB_TEMPLATE)


def test_the_operation_attributes_are_those_that_are_read() -> None:
    door = ROOT / "spoold" / "doors" / "ipp"
    read = {name for path in door.glob("*.py") for name in READING.findall(path.read_text())}
    assert read | BY_POSITION == listed("Operation attributes", "yes")
