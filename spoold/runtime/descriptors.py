"""File descriptors for as many connections as the daemon takes, where nobody has granted them yet."""

import resource

# 10,240 connections, files and pipes; systemd/spoold.service grants the same (LimitNOFILE).
WANTED_DESCRIPTORS = 16_384


def raise_descriptor_limit() -> int:
    """Raise the soft limit as far as the hard one allows; returns how many descriptors there are now.

    Outside systemd the soft limit is 1,024 by custom (for programs that use select): a thousand idle
    connections would leave none for the database and the documents.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
