"""Principal: who was proven, how and when."""

import enum
from dataclasses import dataclass, field
from datetime import datetime

from spoold.model.ids import JobId, UserId


class Role(enum.StrEnum):
    """What a person may do besides printing; each role includes the ones before it."""

    USER = "user"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class Method(enum.StrEnum):
    """How a principal was proven."""

    BASIC = "basic"
    PASSWORD = "password"  # noqa: S105 - the name of a method, not a secret
    SESSION = "session"
    CONTROL_SOCKET = "control-socket"
    ON_ARRIVAL = "on-arrival"
    ADDRESS = "address"
    KERBEROS = "kerberos"
    OIDC = "oidc"
    PASSKEY = "passkey"
    BADGE = "badge"
    TOKEN = "token"  # noqa: S105 - the name of a method, not a secret
    PRINT_URI = "print-uri"


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven identity.

    Built by `spoold.identity` (and by the control socket for the daemon's own administrator) only:
    a name that a client merely claims is never turned into one.

    Args:
        id: immutable id of the account; ownership compares this and nothing else.
        name: canonical name, as `spoold.model.ids.canonical_name` makes it.
        proven_at: when the secret itself was checked; a session keeps the time of its sign-in.
        provider: who knows this person: "local", or the name of a directory.
        second_at: when a second factor was shown; None without one.
        scopes: what a token is good for; None for a person, who may do all that the role allows.
        station: the release station whose session this is; None elsewhere.
    """

    id: UserId
    name: str
    groups: frozenset[str]
    role: Role
    method: Method
    proven_at: datetime
    display_name: str = field(default="", repr=False)
    provider: str = "local"
    second_at: datetime | None = None
    scopes: frozenset[str] | None = None
    station: str | None = None


@dataclass(frozen=True, slots=True)
class JobProof:
    """Proof that somebody knows the PIN of one job: good for that job, and for nothing else.

    Whoever shows it stays unknown. Built by `spoold.release.pins` only, where the PIN itself was checked.

    Args:
        attempt: how often the job had been released; a job that came back wants its PIN again.
        proven_at: when the PIN was checked.
        owner: the account that owns the job, as it is now, for the rules; None while the job is unclaimed.
    """

    job_id: JobId
    attempt: int
    proven_at: datetime
    owner: Principal | None
