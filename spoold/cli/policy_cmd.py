"""Tries the site's rules: an administrator's cases, and explanations of decisions."""

import click

from spoold.cli.policy_explain import explain
from spoold.cli.policy_test import test


@click.group()
def policy() -> None:
    """Try the rules, and have their decisions explained."""


policy.add_command(test)
policy.add_command(explain)
