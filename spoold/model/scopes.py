"""What a token may be good for: a short list, each item given on purpose."""

import enum


class Scope(enum.StrEnum):
    """One thing that programs may do with a token."""

    JOBS_READ = "jobs:read"
    JOBS_RELEASE = "jobs:release"
    JOBS_DELETE = "jobs:delete"
    PRINTERS_READ = "printers:read"
    METRICS_READ = "metrics:read"
    BADGES_READ = "badges:read"


# About the jobs of the person who made the token: never more than that person may do without any office.
OF_A_PERSON = frozenset({Scope.JOBS_READ, Scope.JOBS_RELEASE, Scope.JOBS_DELETE, Scope.PRINTERS_READ})
# About the site: for agents that act for nobody in particular, made by an administrator on the machine.
OF_THE_SITE = frozenset({Scope.METRICS_READ, Scope.BADGES_READ})
