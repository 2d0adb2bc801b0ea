"""Jobs, people and printers become facts; what is not known stays unknown."""

from datetime import UTC, datetime

import pytest

from policy.facts import METHODS, Facts
from protocols.ipp.values import Attribute, collection, integer, keyword
from spoold.model.ids import UserId
from spoold.model.policy_facts import facts_for
from spoold.model.principal import Method, Principal, Role
from spoold.model.printer import Printer

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LETTERHEAD = collection(
    "media-col",
    [
        keyword("media-size-name", "iso_a4_210x297mm"),
        keyword("media-type", "stationery-letterhead"),
        keyword("media-source", "tray-2"),
    ],
)


def sheet(width: int, height: int) -> Attribute:
    return collection("media-size", (integer("x-dimension", width), integer("y-dimension", height)))


def facts(*template: Attribute, principal: Principal | None = None, printer: Printer | None = None) -> Facts:
    return facts_for(
        queue="secure",
        principal=principal,
        claimed_name="ana",
        template=template,
        documents=[],
        peer="192.0.2.1",
        protocol="ipps",
        printer=printer,
        color=True,
        ready=False,
    )


def test_paper_is_a_fact_by_size_type_and_tray() -> None:
    job = facts(LETTERHEAD).job
    assert (job.media, job.media_type, job.media_source) == (
        "iso_a4_210x297mm",
        "stationery-letterhead",
        "tray-2",
    )
    plain = facts(keyword("media", "na_letter_8.5x11in")).job
    assert (plain.media, plain.media_type, plain.media_source) == ("na_letter_8.5x11in", "", "")


@pytest.mark.parametrize(
    "asked",
    [
        keyword("media", "iso_a3_297x420mm"),
        keyword("media", "custom_poster_297x420mm"),
        collection("media-col", (keyword("media-size-name", "iso_a3_297x420mm"),)),
        collection("media-col", (keyword("media-size-name", "om_mine_420x297mm"),)),
        collection("media-col", (sheet(29700, 42000), keyword("media-type", "labels"))),
        collection("media-col", (sheet(42000, 29700),)),
        collection("media-col", (sheet(29710, 41990),)),
    ],
)
def test_the_same_paper_is_the_same_fact_however_it_is_asked_for(asked: Attribute) -> None:
    assert facts(asked).job.media == "iso_a3_297x420mm"


def test_paper_of_no_standard_is_a_fact_too() -> None:
    assert facts(collection("media-col", (sheet(21100, 30000),))).job.media == "custom_211x300mm_211x300mm"
    assert facts().job.media == ""


def test_how_somebody_was_proven_is_a_fact() -> None:
    principal = Principal(
        UserId("1"),
        "mia",
        frozenset({"staff"}),
        Role.OPERATOR,
        Method.BADGE,
        NOW,
        provider="school",
        second_at=NOW,
    )
    user = facts(principal=principal).user
    assert (user.method, user.second_factor, user.provider) == ("badge", True, "school")
    assert user.roles == ("user", "operator")
    nobody = facts().user
    assert (nobody.name, nobody.method, nobody.second_factor, nobody.provider) == ("ana", "none", False, "")


def test_rules_know_every_method_there_is() -> None:
    assert set(METHODS) == {"none", *(method.value for method in Method)}


def test_the_printer_is_known_at_release_only() -> None:
    assert facts().printer is None
    known = facts(printer=Printer("studio", "ipps://192.0.2.7/ipp/print", "Studio")).printer
    assert known is not None
    assert (known.name, known.location, known.color, known.ready) == ("studio", "Studio", True, False)
