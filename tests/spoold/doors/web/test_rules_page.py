"""The page of a job tells its owner what the rules say, in the words of `spoold policy explain`."""

import html
from datetime import UTC, datetime

from policy.engine import compile_rules
from policy.explain import explain
from policy.facts import Facts, QueueFacts
from policy.rules import RuleSource
from policy.setting import Setting
from spoold.model.jobstate import JobState
from tests.support.web_portal import PortalKit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS = Facts(QueueFacts("secure"))
LONG = RuleSource("Long", "true", hold="Ask a teacher.", approvers=("teachers",))
NIGHT = RuleSource("Night", "true", "release", deny="Good night.")


async def test_a_job_that_waits_tells_its_owner_why(portal: PortalKit) -> None:
    portal.desk.rules += [LONG, NIGHT]
    job = portal.job(state=JobState.WAITING_APPROVAL)
    alice = await portal.signed_in("alice")
    page = html.unescape((await alice.get(f"/jobs/{job}")).text)
    for stage, rule in (("accept", LONG), ("release", NIGHT)):
        engine = compile_rules([rule], Setting(), "UTC")
        decision = engine.decide("accept" if stage == "accept" else "release", FACTS, NOW)
        assert explain(decision) in page
    assert 'Waits for approval, as the rule "Long" asks: Ask a teacher.' in page
    assert 'Refused by the rule "Night": Good night.' in page


async def test_a_job_that_has_ended_is_past_the_rules(portal: PortalKit) -> None:
    portal.desk.rules.append(NIGHT)
    job = portal.job(state=JobState.COMPLETED)
    alice = await portal.signed_in("alice")
    assert 'id="rules"' not in (await alice.get(f"/jobs/{job}")).text
