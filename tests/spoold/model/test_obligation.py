"""A job is not released under an obligation that nothing here honours."""

import pytest

from spoold.model.errors import RefusedByPolicy
from spoold.model.ids import new_job_id
from spoold.model.obligation import HONOURED, Obligation, check_met


@pytest.mark.parametrize("asked", [set(), {Obligation.MASK}, {Obligation.WATERMARK}, set(Obligation)])
def test_what_is_honoured_passes(asked: set[str]) -> None:
    assert asked <= HONOURED
    check_met(asked, new_job_id(), archives=True)


@pytest.mark.parametrize(("unmet", "archives"), [(Obligation.ARCHIVE, False), ("something newer", True)])
def test_what_is_not_honoured_refuses(unmet: str, archives: bool) -> None:
    with pytest.raises(RefusedByPolicy) as caught:
        check_met({"mask", unmet}, new_job_id(), archives=archives)
    assert caught.value.fields["unmet"] == [unmet]
