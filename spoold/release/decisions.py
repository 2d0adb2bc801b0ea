"""What others may decide about a job besides its owner: the desks for it, together."""

from dataclasses import dataclass

from spoold.release.approvals import ApprovalDesk
from spoold.release.codes import CodeDesk
from spoold.release.delegations import DelegationDesk


@dataclass(frozen=True, slots=True)
class Decisions:
    """The desks that doors ask about approval, codes and delegation."""

    approvals: ApprovalDesk
    codes: CodeDesk
    delegations: DelegationDesk
