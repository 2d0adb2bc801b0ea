"""The site's policy as an engine: rules, schedules and time zone of a loaded configuration, compiled."""

import os
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from policy.access import Access
from policy.engine import PolicyEngine, compile_rules
from policy.rules import RuleSource
from policy.schedule import ScheduleError, time_zone
from policy.setting import Setting
from spoold.config.model import Config
from spoold.config.policy_findings import known_words
from spoold.config.rules import Rule

LOCAL_TIME = Path("/etc/localtime")
ZONES = "zoneinfo/"


def compile_policy(config: Config) -> PolicyEngine:
    """Return the site's policy, ready to be asked; a loaded configuration always compiles."""
    return compile_rules([_source(rule) for rule in config.rules], setting_of(config), site_time_zone(config))


def setting_of(config: Config) -> Setting:
    """Return what the site's rules may name."""
    return Setting(
        schedules=config.schedules,
        holidays=config.holidays,
        networks=config.networks,
        access=access_of(config),
        queues={name: queue.printers for name, queue in config.queues.items()},
        words=known_words([printer.location for printer in config.printers.values()]),
        unpriced=[name for name, printer in config.printers.items() if printer.cost is None],
    )


def access_of(config: Config) -> Access:
    """Return who may use queues, printers and paper."""
    return Access(
        queues={name: one.groups for name, one in config.queues.items() if one.groups is not None},
        printers={name: one.groups for name, one in config.printers.items() if one.groups is not None},
        media={name: one.restricted_media for name, one in config.printers.items() if one.restricted_media},
    )


def site_time_zone(config: Config, local_time: Path = LOCAL_TIME) -> tzinfo:
    """Return the zone in which rules and schedules are meant.

    Args:
        local_time: what "local" stands for: a link into the zones or a copy of one; absent it means UTC
            (localtime(5)).
    """
    if config.server.timezone != "local":
        return time_zone(config.server.timezone)
    _, found, name = os.path.realpath(local_time).rpartition(ZONES)
    if found:
        try:
            return time_zone(name)
        except ScheduleError:
            # A link to a zone under another name than ours ("posix/..."): the file itself is read below.
            pass
    try:
        with local_time.open("rb") as file:
            return ZoneInfo.from_file(file)
    except FileNotFoundError:
        return UTC


def _source(rule: Rule) -> RuleSource:
    attributes = rule.set_attributes
    plain = attributes.model_dump(by_alias=True, exclude_none=True) if attributes else {}
    return RuleSource(
        name=rule.name,
        when=rule.when,
        stage=rule.stage,
        queues=rule.queues,
        deny=rule.deny,
        hold=rule.hold,
        set_attributes={name: value for name, value in plain.items() if name != "copies_limit"},
        expires_after_s=int(rule.expires_after.total_seconds()) if rule.expires_after else None,
        allow=rule.allow,
        approvers=rule.approvers or (),
        copies_limit=attributes.copies_limit if attributes else None,
        redirect=rule.redirect or (),
        prefer=rule.prefer,
        mask=rule.mask,
        archive=rule.archive,
        watermark=rule.watermark,
    )
