"""What the rules say about a job is told without doing anything about it."""

from pathlib import Path

import pytest

from policy.explain import as_fields
from policy.rules import RuleSource
from spoold.model.errors import NotFound, NotPossible
from spoold.model.jobstate import JobState
from spoold.model.principal import Role
from tests.support.release_house import open_house

RULES = [
    RuleSource("Long", "document.known && document.pages > 2", hold="Ask.", approvers=("teachers",)),
    RuleSource("Lobby", 'printer.name == "lobby"', "release", deny="Not here."),
]


async def test_a_job_is_explained_to_its_owner_and_to_operators(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=RULES) as house:
        ana = house.person("ana", "class-9a")
        job = await house.add_job(ana, pages=3)
        accepted, released = await house.desk.explain(ana, job.id)
        assert accepted.decision.verdict == "hold-for-approval"
        assert [one.kind for one in released.decision.because] == ["hold-for-approval", "deny"]
        _, elsewhere = await house.desk.explain(house.person("op", role=Role.OPERATOR), job.id, "floor-2")
        assert elsewhere.decision.verdict == "hold-for-approval"
        fields = as_fields(released)
        assert fields["rules"][0]["read"] == {"document.known": True, "document.pages": 3}
        assert fields["rules"][1]["read"] == {"printer.name": "lobby"}
        assert (await house.job(job)).state is JobState.HELD


async def test_a_job_is_explained_to_nobody_else(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=RULES) as house:
        job = await house.add_job(house.person("ana"))
        with pytest.raises(NotFound):
            await house.desk.explain(house.person("eve"), job.id)


async def test_where_the_job_cannot_come_out_nothing_is_explained(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=RULES) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        with pytest.raises(NotPossible):
            await house.desk.explain(ana, job.id, "nowhere")
