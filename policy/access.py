"""Access: queues, printers and kinds of paper that are for members of named groups only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from policy.decision import RuleOutcome, Stage
from policy.facts import Facts
from policy.folding import fold

# Where groups are named, and a person is in none of them.
QUEUE_WORDS = 'Printing to "{queue}" is for members of {groups}. Ask for it there, or print to another queue.'
PRINTER_WORDS = '"{printer}" is for members of {groups}. Release the job at another printer.'
MEDIA_WORDS = 'The paper "{media}" at "{printer}" is for members of {groups}. Print on other paper.'
UNPROVEN_WORDS = "Nobody has signed in for this job, and {what} is for members of {groups} only."

Groups = Sequence[str]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use what; nothing is said of what is not named.

    Args:
        queues, printers: the groups whose members may use them, by name.
        media: by printer, the groups that may use a kind of paper, by its type, tray or size.
    """

    queues: Mapping[str, Groups] = field(default_factory=lambda: MappingProxyType({}))
    printers: Mapping[str, Groups] = field(default_factory=lambda: MappingProxyType({}))
    media: Mapping[str, Mapping[str, Groups]] = field(default_factory=lambda: MappingProxyType({}))

    def concerns(self, stage: Stage) -> bool:
        """Return whether anything is restricted that is known at this stage."""
        return bool(self.queues or (stage == "release" and (self.printers or self.media)))

    def refusal(self, stage: Stage, facts: Facts) -> RuleOutcome | None:
        """Return why this person may not, or None.

        Who nobody has proven at acceptance may be a member: they are asked again at release, and refused
        there if still nobody is proven.
        """
        if facts.queue.name in self.queues and (stage == "release" or facts.user.authenticated):
            groups = self.queues[facts.queue.name]
            if not _is_member(facts, groups):
                return _refused(
                    f"[queues.{facts.queue.name}] groups",
                    QUEUE_WORDS.format(queue=facts.queue.name, groups=names_of(groups)),
                    facts,
                    "this queue",
                    groups,
                )
        if stage == "accept" or facts.printer is None:
            return None
        return self._at_printer(facts, facts.printer.name)

    def _at_printer(self, facts: Facts, printer: str) -> RuleOutcome | None:
        groups = self.printers.get(printer, ())
        if printer in self.printers and not _is_member(facts, groups):
            words = PRINTER_WORDS.format(printer=printer, groups=names_of(groups))
            return _refused(f"[printers.{printer}] groups", words, facts, "this printer", groups)
        asked = {facts.job.media, facts.job.media_type, facts.job.media_source}
        for media, allowed in self.media.get(printer, {}).items():
            if media in asked and not _is_member(facts, allowed):
                words = MEDIA_WORDS.format(media=media, printer=printer, groups=names_of(allowed))
                key = f"[printers.{printer}] restricted_media.{media}"
                return _refused(key, words, facts, "this paper", allowed)
        return None

    def outcomes(self) -> tuple[str, ...]:
        """Return the name of everything that can refuse, as `refusal` names it."""
        return (
            *(f"[queues.{name}] groups" for name in self.queues),
            *(f"[printers.{name}] groups" for name in self.printers),
            *(
                f"[printers.{name}] restricted_media.{one}"
                for name, known in self.media.items()
                for one in known
            ),
        )


def names_of(groups: Groups) -> str:
    """Return groups as people say them: "a", "a or b", "a, b or c"."""
    *most, last = [f'"{group}"' for group in groups] or ["nobody"]
    return f"{', '.join(most)} or {last}" if most else last


def _is_member(facts: Facts, groups: Groups) -> bool:
    return facts.user.authenticated and any(fold(group) in facts.user.groups for group in groups)


def _refused(key: str, words: str, facts: Facts, what: str, groups: Groups) -> RuleOutcome:
    if not facts.user.authenticated:
        words = UNPROVEN_WORDS.format(what=what, groups=names_of(groups))
    return RuleOutcome(key, "no-access", words)
