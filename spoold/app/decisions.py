"""Makes what approval, codes and delegation work with."""

from spoold.app.parts import Parts
from spoold.database import people
from spoold.model.ids import canonical_name
from spoold.model.principal import Principal
from spoold.release.approvals import ApprovalDesk
from spoold.release.codes import CodeDesk
from spoold.release.decisions import Decisions
from spoold.release.delegations import DelegationDesk


def make_decisions(parts: Parts) -> Decisions:
    """Return the desks that doors ask."""

    async def find(name: str) -> Principal | None:
        # Whoever has never signed in here has no account that could be referred to.
        row = await parts.database.read(
            lambda connection: people.user_by_name(connection, canonical_name(name))
        )
        return None if row is None else await parts.identity.owner_now(row.id)

    approvals = ApprovalDesk(parts.release, parts.site, parts.words)
    return Decisions(
        approvals,
        CodeDesk(approvals, parts.tags, parts.guesses),
        DelegationDesk(parts.release, find),
    )
