"""The daemon takes the descriptors it may have, and never fewer than it has."""

import subprocess
import sys

import pytest

from spoold.runtime.descriptors import WANTED_DESCRIPTORS

PROBE = """
import resource, sys
from spoold.runtime.descriptors import raise_descriptor_limit
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (256, 512, 512),
        (1024, WANTED_DESCRIPTORS + 1000, WANTED_DESCRIPTORS),
        (WANTED_DESCRIPTORS + 500, WANTED_DESCRIPTORS + 1000, WANTED_DESCRIPTORS + 500),
    ],
)
def test_the_limit_is_raised_as_far_as_it_goes(soft: int, hard: int, raised: int) -> None:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, str(soft), str(hard)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert probe.stdout.split() == [str(raised), str(raised), str(hard)]
