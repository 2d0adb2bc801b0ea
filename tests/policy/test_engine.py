"""The engine decides: first deny wins, settings and terms add up, and in doubt the answer is no."""

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decision import Decision, RuleOutcome, Stage
from policy.engine import PolicyEngine, compile_rules
from policy.facts import ClientFacts, DocumentFacts, Facts, JobFacts, PrinterFacts, QueueFacts, UserFacts
from policy.rules import CompiledRule, RuleSource
from policy.setting import Setting

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PUPIL = Facts(queue=QueueFacts("secure"), user=UserFacts("anna", ("pupils",), ("user",), authenticated=True))
SCHOOL = {"school-hours": ["Mon-Fri 08:00-17:00"]}


def engine(*rules: RuleSource, timezone: str = "UTC") -> PolicyEngine:
    return compile_rules(rules, Setting(SCHOOL), timezone)


def decide(
    rules: Sequence[RuleSource], facts: Facts = PUPIL, stage: Stage = "accept", now: datetime = NOW
) -> Decision:
    return engine(*rules).decide(stage, facts, now)


def rule(name: str, when: str = "true", **effects: Any) -> RuleSource:
    return RuleSource(name, when, **effects)


def test_without_rules_everything_is_allowed() -> None:
    assert decide([]) == Decision("allow")


def test_a_rule_that_denies_says_why() -> None:
    hours = rule("hours", '"pupils" in user.groups && !open("school-hours")', deny="Come back at 8.")
    assert decide([hours]).verdict == "allow"
    evening = decide([hours], now=datetime(2026, 3, 2, 19, 0, tzinfo=UTC))
    assert evening == Decision(
        "deny", "Come back at 8.", "hours", because=(RuleOutcome("hours", "deny", "Come back at 8."),)
    )


def test_the_first_rule_that_denies_wins() -> None:
    decision = decide([rule("a", "false", deny="A"), rule("b", deny="B"), rule("c", deny="C")])
    assert (decision.rule, decision.message, len(decision.because)) == ("b", "B", 1)


def test_a_denial_outranks_a_hold_before_it() -> None:
    decision = decide([rule("a", hold="ask"), rule("b", deny="B")])
    assert (decision.verdict, decision.rule) == ("deny", "b")
    assert [outcome.kind for outcome in decision.because] == ["hold-for-approval", "deny"]


def test_settings_merge_in_file_order_and_the_hold_shrinks_to_the_shortest() -> None:
    decision = decide(
        [
            rule("a", set_attributes={"sides": "one-sided", "copies": 1}, expires_after_s=600),
            rule("b", set_attributes={"sides": "two-sided-long-edge"}, expires_after_s=60),
            rule("c", expires_after_s=3600),
        ]
    )
    assert decision.verdict == "allow"
    assert dict(decision.set_attributes) == {"sides": "two-sided-long-edge", "copies": 1}
    assert decision.hold_s == 60
    assert [outcome.kind for outcome in decision.because] == ["set", "shorten", "set", "shorten", "shorten"]


def test_a_hold_for_approval_names_the_first_rule_that_asks() -> None:
    decision = decide([rule("a", hold="The teacher decides."), rule("b", hold="So does the head.")])
    assert (decision.verdict, decision.rule, decision.message) == (
        "hold-for-approval",
        "a",
        "The teacher decides.",
    )
    assert len(decision.because) == 2


def test_an_approved_job_is_not_held_again_at_release_but_still_denied() -> None:
    approved = Facts(queue=QueueFacts("secure"), job=JobFacts(approved=["a"]))
    ask = rule("a", hold="ask")
    assert decide([ask], approved, "release").verdict == "allow"
    assert decide([ask], PUPIL, "release").verdict == "hold-for-approval"
    assert decide([ask, rule("b", deny="no")], approved, "release").verdict == "deny"


def test_a_job_cannot_come_in_approved() -> None:
    approved = Facts(queue=QueueFacts("secure"), job=JobFacts(approved=["a"]))
    assert decide([rule("a", hold="ask")], approved, "accept").verdict == "hold-for-approval"


def test_rules_are_asked_at_their_stage_only() -> None:
    rules = [rule("a", stage="accept", deny="A"), rule("r", stage="release", deny="R")]
    assert decide(rules, stage="accept").rule == "a"
    assert decide(rules, stage="release").rule == "r"


def test_rules_are_asked_for_their_queues_only() -> None:
    rules = [rule("a", queues=("colour",), deny="A")]
    assert decide(rules).verdict == "allow"
    assert decide(rules, Facts(queue=QueueFacts("colour"))).verdict == "deny"


def test_the_term_of_the_hold_is_told_at_release_too() -> None:
    """Who claims a job at release may be somebody for whom it was already too old."""
    pupils = rule("a", '"pupils" in user.groups', expires_after_s=60)
    unclaimed = Facts(queue=QueueFacts("secure"), user=UserFacts("anna"))
    assert decide([pupils], unclaimed, "accept").hold_s is None
    assert decide([pupils], PUPIL, "release").hold_s == 60


def test_before_the_document_arrives_only_rules_that_need_none_are_asked() -> None:
    early = engine(
        rule("pages", "document.pages > 3", deny="Too many pages."),
        rule("format", 'document.format != "application/pdf"', deny="PDF only."),
        rule("size", "job.size_bytes == 0 || job.impressions > 3", deny="Empty."),
        rule("later", stage="release", deny="Not yet."),
        rule("copies", "job.copies > 3", deny="Too many copies."),
    )
    nothing_yet = Facts(queue=QueueFacts("secure"), document=DocumentFacts(count=0))
    assert early.decide_early(nothing_yet, NOW) == Decision("allow")
    many = Facts(queue=QueueFacts("secure"), job=JobFacts(copies=4))
    assert early.decide_early(many, NOW).rule == "copies"
    assert early.decide("accept", many, NOW).rule == "pages"


def test_the_printer_is_known_at_release() -> None:
    rules = [rule("a", 'printer.location.contains("floor 2")', stage="release", deny="Not there.")]
    upstairs = Facts(queue=QueueFacts("secure"), printer=PrinterFacts("copier", "Copy room, floor 2"))
    assert decide(rules, upstairs, "release").verdict == "deny"


@pytest.mark.parametrize(
    ("when", "because", "detail"),
    [
        ("document.pages > 3", " because the page count of the document is not known,", "KeyError"),
        (
            "job.impressions + document.pages > 3",
            " because the page count of the document is not known,",
            "KeyError",
        ),
        (
            "document.pages > 3 || document.encrypted",
            " because the page count of the document and whether the document is encrypted are not known,",
            "KeyError",
        ),
        ("1 / (job.copies - 1) == 1", '"a" could not be decided, so', "ZeroDivisionError"),
        ("9223372036854775807 + job.copies > 1", '"a" could not be decided, so', "OverflowError"),
    ],
)
def test_a_rule_that_cannot_be_decided_denies_and_says_so(when: str, because: str, detail: str) -> None:
    decision = decide([rule("a", when, set_attributes={"copies": 1}), rule("b", deny="B")])
    assert (decision.verdict, decision.rule, decision.failed) == ("deny", "a", True)
    assert because in decision.message
    assert decision.because[0].detail.startswith(detail)


def test_unknown_pages_are_something_a_rule_can_decide_on() -> None:
    careful = rule("a", "!document.known || document.pages > 50", deny="No.")
    assert not decide([careful]).failed
    assert decide([careful]).verdict == "deny"
    short = Facts(queue=QueueFacts("secure"), document=DocumentFacts(pages=3, known=True))
    assert decide([careful], short).verdict == "allow"


def test_a_program_that_answers_neither_true_nor_false_denies() -> None:
    class Answer:
        def execute(self, _context: object) -> str:
            return "yes"

    odd = PolicyEngine([CompiledRule(rule("a", deny="A"), "true", Answer(), frozenset())], Setting(), UTC)
    decision = odd.decide("accept", PUPIL, NOW)
    assert decision.failed
    assert decision.because[0].detail == "the condition is neither true nor false but str"


def test_schedules_are_meant_in_the_time_zone_of_the_site() -> None:
    # 16:30 in Paris, 10:30 in New York, 00:30 on Tuesday in Tokyo.
    moment = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
    closed = rule("a", '!open("school-hours")', deny="Closed.")
    verdicts = {
        zone: engine(closed, timezone=zone).decide("accept", PUPIL, moment).verdict
        for zone in ("Europe/Paris", "America/New_York", "Asia/Tokyo")
    }
    assert verdicts == {"Europe/Paris": "allow", "America/New_York": "allow", "Asia/Tokyo": "deny"}


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        decide([rule("a", deny="A")], now=datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001 - the mistake under test


def test_the_engine_knows_at_which_stage_it_needs_an_inspection() -> None:
    pages = rule("a", "document.known && document.pages > 3", stage="release", deny="A")
    assert not engine(pages).uses_document("accept")
    assert engine(pages).uses_document("release")


def test_an_explanation_shows_every_rule() -> None:
    rules = [
        rule("no", "false", deny="A"),
        rule("deny", deny="B"),
        rule("late", set_attributes={"copies": 1}),
        rule("elsewhere", queues=("colour",), deny="C"),
        rule("later", stage="release", deny="D"),
    ]
    found = engine(*rules).explain("accept", PUPIL, NOW)
    assert found.decision.rule == "deny"
    assert [(one.rule.name, one.outcomes[0].kind, one.late) for one in found.rules] == [
        ("no", "no-match", False),
        ("deny", "deny", False),
        ("late", "set", True),
        ("elsewhere", "other-queue", True),
        ("later", "other-stage", True),
    ]


def test_an_explanation_shows_what_each_rule_read() -> None:
    closed = rule("hours", '"pupils" in user.groups && !open("school-hours")', deny="A")
    pages = rule("pages", "document.known && document.pages > 3", deny="B")
    found = engine(closed, pages).explain("accept", PUPIL, NOW)
    assert found.rules[0].read == {"user.groups": ["pupils"], 'open("school-hours")': True}
    assert found.rules[1].read == {"document.known": False, "document.pages": None}


def test_a_rule_that_allows_ends_it() -> None:
    rules = [
        rule("first", set_attributes={"copies": 1}),
        rule("staff", '"staff" in user.groups', allow=True, expires_after_s=60),
        rule("rest", deny="Not for you."),
    ]
    staff = Facts(queue=QueueFacts("secure"), user=UserFacts("mia", ("staff",), authenticated=True))
    decision = decide(rules, staff)
    assert (decision.verdict, decision.hold_s, dict(decision.set_attributes)) == ("allow", 60, {"copies": 1})
    assert [outcome.kind for outcome in decision.because] == ["set", "shorten", "allow"]
    assert decide(rules).rule == "rest"


def test_a_rule_that_allows_does_not_undo_what_holds_the_job_already() -> None:
    decision = decide([rule("ask", hold="Ask."), rule("all", allow=True), rule("no", deny="No.")])
    assert (decision.verdict, decision.rule) == ("hold-for-approval", "ask")


def test_what_a_rule_may_allow_later_is_not_refused_early() -> None:
    known = engine(
        rule("short", "document.known && document.pages <= 2", allow=True), rule("no", deny="Two pages only.")
    )
    nothing_yet = Facts(queue=QueueFacts("secure"), document=DocumentFacts(count=0))
    assert known.decide_early(nothing_yet, NOW).verdict == "allow"
    # A rule that is asked at release only keeps nobody waiting.
    later = engine(rule("r", "document.pages > 1", stage="release", allow=True), rule("no", deny="No."))
    assert later.decide_early(nothing_yet, NOW).verdict == "deny"


@pytest.mark.parametrize(
    ("asked", "effects", "copies"),
    [
        (5, [{"copies_limit": 3}], 3),
        (2, [{"copies_limit": 3}], None),
        (5, [{"copies_limit": 3}, {"copies_limit": 2}], 2),
        (1, [{"set_attributes": {"copies": 9}}, {"copies_limit": 3}], 3),
        (9, [{"set_attributes": {"copies": 2}}, {"copies_limit": 3}], 2),
    ],
)
def test_copies_are_bounded(asked: int, effects: list[dict[str, Any]], copies: int | None) -> None:
    rules = [rule(str(number), **one) for number, one in enumerate(effects)]
    decision = decide(rules, Facts(queue=QueueFacts("secure"), job=JobFacts(copies=asked)))
    assert decision.set_attributes.get("copies") == copies


def test_who_may_approve_is_told_for_each_rule_that_holds() -> None:
    rules = [rule("a", hold="A", approvers=("teachers", "user:mia")), rule("b", hold="B")]
    decision = decide(rules)
    assert decision.holding == ("a", "b")
    assert decision.approvers == (("teachers", "user:mia"), ())
    assert engine(*rules).approvers == {"a": ("teachers", "user:mia"), "b": ()}


def test_an_approval_for_one_rule_is_none_for_another() -> None:
    rules = [rule("a", hold="A"), rule("b", hold="B")]
    half = Facts(queue=QueueFacts("secure"), job=JobFacts(approved=["a"]))
    decision = decide(rules, half, "release")
    assert (decision.verdict, decision.holding) == ("hold-for-approval", ("b",))
    assert [outcome.kind for outcome in decision.because] == ["approved", "hold-for-approval"]


def test_every_watermark_is_kept_once_in_file_order() -> None:
    rules = [rule("a", watermark="B"), rule("b", watermark="A"), rule("c", watermark="B")]
    assert decide(rules).watermark == ("B", "A")
    assert decide([rule("a", "false", watermark="B")]).watermark == ()


def test_one_rule_that_archives_is_enough() -> None:
    assert decide([rule("a", archive=True), rule("b", set_attributes={"copies": 1})]).archive
    assert not decide([rule("a", "false", archive=True)]).archive


def test_the_last_rule_that_redirects_counts() -> None:
    rules = [
        rule("a", stage="release", redirect=("x", "y")),
        rule("b", stage="release", redirect=("z",)),
        rule("c", stage="release", mask=True),
    ]
    decision = decide(rules, stage="release")
    assert (decision.redirect, decision.mask) == (("z",), True)


@pytest.mark.parametrize("last", [None, "cheapest"])
def test_the_last_rule_that_redirects_says_what_is_preferred(last: Literal["cheapest"] | None) -> None:
    rules = [
        rule("a", stage="release", redirect=("x",), prefer=None if last else "cheapest"),
        rule("b", stage="release", redirect=("y",), prefer=last),
    ]
    decision = decide(rules, stage="release")
    assert (decision.redirect, decision.cheapest) == (("y",), last is not None)


def test_an_approved_job_is_a_fact() -> None:
    approved = Facts(queue=QueueFacts("secure"), job=JobFacts(approved=["a"]))
    assert decide([rule("a", "job.approved", deny="D")], approved).verdict == "deny"
    assert decide([rule("a", "job.approved", deny="D")]).verdict == "allow"


def test_networks_and_holidays_are_known() -> None:
    setting = Setting(
        {"office": ["Mon-Fri 08:00-17:00"]}, {"public": ["03-02"]}, {"lab": [ip_network("10.0.0.0/8")]}
    )
    inside = rule("inside", 'inside("lab")', set_attributes={"copies": 1})
    closed = rule("closed", '!open("office") && holiday("public") && holiday()', expires_after_s=60)
    asked = compile_rules([inside, closed], setting, "UTC")
    lab = Facts(queue=QueueFacts("secure"), client=ClientFacts("10.1.2.3"))
    assert [one.kind for one in asked.decide("accept", lab, NOW).because] == ["set", "shorten"]
    assert [one.kind for one in asked.decide("accept", PUPIL, NOW).because] == ["shorten"]


EFFECTS = st.sampled_from(
    [
        {"deny": "no"},
        {"hold": "ask"},
        {"set_attributes": {"sides": "one-sided"}},
        {"set_attributes": {"copies": 1}, "hold": "ask"},
        {"expires_after_s": 60},
        {"expires_after_s": 600, "set_attributes": {"sides": "two-sided-long-edge"}},
    ]
)
# True, false, and one that cannot be decided.
WHENS = st.sampled_from(["true", "false", "document.pages > 1"])


@settings(deadline=None)
@given(st.lists(st.tuples(WHENS, EFFECTS), max_size=20), st.sampled_from(["accept", "release"]))
def test_a_job_is_allowed_only_if_no_rule_denies_fails_or_holds(
    drawn: list[tuple[str, dict[str, Any]]], stage: Stage
) -> None:
    rules = [RuleSource(str(number), when, **effects) for number, (when, effects) in enumerate(drawn)]
    decision = engine(*rules).decide(stage, PUPIL, NOW)
    denying = [r for r in rules if "pages" in r.when or (r.when == "true" and r.deny)]
    holding = [r for r in rules if r.when == "true" and r.hold]
    expected = "deny" if denying else "hold-for-approval" if holding else "allow"
    assert decision.verdict == expected
    assert decision.rule == (denying[0].name if denying else holding[0].name if holding else None)
    if expected != "deny":
        terms = [r.expires_after_s for r in rules if r.when == "true" and r.expires_after_s]
        assert decision.hold_s == min(terms, default=None)
