"""What a directory itself does about wrong passwords, as far as it lets us read that."""

from dataclasses import dataclass

from spoold.identity.ldap import Entry, LdapConversation, ServerFailed
from spoold.identity.ldap_names import read_dn
from spoold.identity.ldap_settings import DirectorySettings

# Policies of one directory; there is one as a rule, and a few where groups have their own.
_MAX_POLICIES = 100
# [MS-ADA1] lockOutObservationWindow: durations are negative, in 100 ns.
_TICKS_PER_S = 10_000_000
# The directory's word for a count that only a right password ends.
FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class Lockout:
    """When a directory locks an account.

    Args:
        failures: at so many wrong passwords; 0 never.
        window_s: for how long each of them counts.
    """

    failures: int
    window_s: float

    def troubles(self, settings: DirectorySettings) -> list[str]:
        """Return what lets spoold's wrong passwords lock accounts there, and what to do."""
        if self.failures == 0:
            return []
        if self.failures == 1:
            return [
                "the directory locks an account at the first wrong password, and spoold cannot stay below "
                "that: have it raised there"
            ]
        found = []
        if settings.max_wrong_passwords >= self.failures:
            found.append(
                f"the directory locks an account after {self.failures} wrong passwords, and spoold passes "
                f"on {settings.max_wrong_passwords}: set max_wrong_passwords to {self.failures - 1} or less"
            )
        if self.window_s == FOR_EVER:
            found.append(
                "the directory counts wrong passwords until a right one comes, and spoold only for a time: "
                "set pwdFailureCountInterval there"
            )
        elif self.window_s > settings.wrong_passwords_window_s:
            found.append(
                f"the directory counts wrong passwords for {self.window_s / 60:g} minutes: set "
                f'wrong_passwords_window to "{self.window_s:.0f}s" or more'
            )
        return found

    def words(self, settings: DirectorySettings) -> str:
        """Return what is the case where nothing is to be done."""
        if self.failures == 0:
            return "locks no account after wrong passwords"
        passed_on = settings.max_wrong_passwords
        return f"locks an account after {self.failures} wrong passwords; spoold passes on {passed_on} at most"


def read_lockout(link: LdapConversation, settings: DirectorySettings) -> Lockout | None:
    """Return the strictest rule that the directory shows; None when it shows none."""
    top = _top(settings.base_dn)
    try:
        if settings.is_active_directory:
            asked = ["lockoutThreshold", "lockOutObservationWindow"]
            domain = link.search(top, "(objectClass=*)", asked, limit=1, only_base=True)
            # Some people may have rules of their own, which as a rule only administrators see.
            asked = ["msDS-LockoutThreshold", "msDS-LockoutObservationWindow"]
            own = link.search(top, "(objectClass=msDS-PasswordSettings)", asked, limit=_MAX_POLICIES)
            found = [_of_domain(entry, "") for entry in domain] + [
                _of_domain(entry, "msDS-") for entry in own
            ]
        else:
            asked = ["pwdLockout", "pwdMaxFailure", "pwdFailureCountInterval"]
            policies = link.search(top, "(objectClass=pwdPolicy)", asked, limit=_MAX_POLICIES)
            found = [_of_policy(entry) for entry in policies]
    except ServerFailed:
        # Whoever may not read it is not told; a server that is gone is noticed at the next question.
        return None
    known = [one for one in found if one is not None]
    locking = [one for one in known if one.failures > 0]
    if locking:
        return Lockout(min(one.failures for one in locking), max(one.window_s for one in locking))
    return next(iter(known), None)


def _of_domain(entry: Entry, prefix: str) -> Lockout | None:
    """[MS-ADA1], [MS-ADA2]: of a domain's entry, or of a rule for some of its people."""
    failures = _whole(entry.text(f"{prefix}lockoutThreshold"))
    if failures is None:
        return None
    ticks = _whole(entry.text(f"{prefix}lockOutObservationWindow"))
    return Lockout(failures, 0.0 if ticks is None else abs(ticks) / _TICKS_PER_S)


def _of_policy(entry: Entry) -> Lockout | None:
    """draft-behera-ldap-password-policy 5.2: locks only if it says so; None where it says nothing of it.

    Whoever may see the entry may not be allowed to read what is in it.
    """
    most, lockout = entry.text("pwdMaxFailure"), entry.text("pwdLockout")
    if not most and not lockout:
        return None
    failures = _whole(most) or 0
    locks = lockout.lower() == "true"
    return Lockout(failures if locks else 0, float(_whole(entry.text("pwdFailureCountInterval")) or FOR_EVER))


def _whole(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() and len(text) <= 20 else None


def _top(base_dn: str) -> str:
    """Return the domain that a place lies in, where its name says so: rules are kept beside people."""
    labels = [part[0][1] for part in read_dn(base_dn) or () if [kind for kind, _ in part] == ["dc"]]
    return ",".join(f"dc={label}" for label in labels) or base_dn
