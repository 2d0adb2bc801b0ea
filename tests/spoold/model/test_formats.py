"""Which formats a queue takes."""

from dataclasses import replace

from spoold.model.formats import PRINTER_LANGUAGES, formats_taken
from tests.support.release_house import queue

USUAL = frozenset({"application/pdf", "text/plain", "application/PCLm"})


def test_a_queue_that_names_none_takes_the_usual_ones_and_no_programs() -> None:
    taken = formats_taken(replace(queue("open"), formats=None), USUAL)
    assert taken == USUAL
    assert not taken & PRINTER_LANGUAGES


def test_a_queue_takes_what_it_names_in_capitals_or_not() -> None:
    named = frozenset({"application/pdf", "application/vnd.hp-pcl", "application/pclm", "image/gif"})
    taken = formats_taken(replace(queue("open"), formats=named), USUAL)
    assert taken == {"application/pdf", "application/vnd.hp-PCL", "application/PCLm"}
