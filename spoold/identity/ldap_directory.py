"""A directory as a provider of accounts: search, then bind; ids that never change; groups as they are now."""

import unicodedata
from collections import OrderedDict
from functools import partial

import trio

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.ldap import SUCCESS, LdapConversation, ServerFailed, in_dn
from spoold.identity.ldap_entries import (
    Person,
    Reader,
    Several,
    account_of,
    refusal_word,
    signed_in,
)
from spoold.identity.ldap_servers import NOT_ASKED, LdapServers
from spoold.identity.ldap_settings import DirectorySettings, TypedName, read_name
from spoold.identity.pass_through import PassThrough, Shown
from spoold.identity.provider import Accepted, Finding, NotHere, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import Unavailable
from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

# As for spoold's own passwords; no directory takes longer ones from anybody.
MAX_PASSWORD_BYTES = 1_024
# People whose groups are remembered; the ones asked about longest ago go first.
MAX_REMEMBERED = 10_000


class LdapDirectory:
    """The provider of one `[identity.ldap.NAME]` table.

    Args:
        budget: wrong passwords of one account that the directory is asked about.
        database: counted failures from before a restart are taken over into the budget.
    """

    def __init__(
        self,
        settings: DirectorySettings,
        servers: LdapServers,
        clock: Clock,
        budget: PassThrough,
        database: Database,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._servers = servers
        self._clock = clock
        self._budget = budget
        self._database = database
        self._restored = False
        # Distinguished names of groups by account, and until when; never read for a release.
        self._groups: OrderedDict[UserId, tuple[frozenset[str], float]] = OrderedDict()

    async def check(self, name: str, password: Secret) -> Finding:
        """Check a password: the reading account finds the entry, then the password is shown as its own.

        Raises:
            Unavailable: not decided; `fields["guessed"]` says whether the password was sent all the same.
        """
        typed = read_name(self._settings, name)
        typed_password = password.reveal()
        if typed is None or not typed_password:
            return NotHere()
        await self._restore()
        sent: list[tuple[UserId, Shown]] = []
        try:
            return await self._servers.ask(partial(self._check, typed, typed_password, sent))
        except Unavailable as error:
            raise Unavailable(
                error.public, **error.fields | {"guessed": any(one.right is None for _, one in sent)}
            ) from None
        finally:
            if any(one.right for _, one in sent):
                # Right with one server is right with the other, whose answer did not come.
                for account_id, one in sent:
                    self._budget.give_back(account_id, one)

    async def find(self, name: str) -> Finding:
        """Look an account up by its name; its groups may be some minutes old."""
        typed = read_name(self._settings, name)
        if typed is None:
            return NotHere()

        def work(link: LdapConversation) -> Finding:
            reader = self._reader(link)
            found = reader.find(typed)
            return self._finding(reader, found, fresh=False)

        return await self._servers.ask(work)

    async def again(self, account_id: UserId) -> Finding:
        """Look an account up by its id, with the groups of this moment."""

        def work(link: LdapConversation) -> Finding:
            reader = self._reader(link)
            return self._finding(reader, reader.by_id(account_id), fresh=True)

        return await self._servers.ask(work)

    def alias(self, name: str) -> str | None:
        """Return the account's name in a typed one, None for a name of another domain."""
        typed = read_name(self._settings, name)
        return None if typed is None else typed.bare

    # -- in a thread

    def _check(
        self, typed: TypedName, password: str, sent: list[tuple[UserId, Shown]], link: LdapConversation
    ) -> Finding:
        reader = self._reader(link)
        found = reader.find(typed)
        finding = self._finding(reader, found, fresh=False)
        if not isinstance(finding, Accepted) or not isinstance(found, Person):
            return finding
        sendable = _sendable(password)
        if sendable is None:
            return Rejected(found.id, "wrong-password")
        shown = trio.from_thread.run_sync(self._send, link, found.id, sent)
        if shown is None:
            return Rejected(found.id, "too-many-for-the-directory")
        answer = link.bind(self._bind_name(typed, found), sendable)
        shown.right = answer.code == SUCCESS
        if not shown.right:
            return Rejected(found.id, refusal_word(self._settings, answer.message))
        self._verify(link, found)
        return finding

    def _reader(self, link: LdapConversation) -> Reader:
        if self._settings.bind_dn is not None:
            answer = link.bind(self._settings.bind_dn, self._settings.bind_password.encode())
            if answer.code != SUCCESS:
                raise ServerFailed("the directory refuses the password of bind_dn")
        return Reader(link, self._settings, self._clock.now())

    def _finding(self, reader: Reader, found: Person | Several | None, *, fresh: bool) -> Finding:
        if found is None:
            return NotHere()
        if isinstance(found, Several):
            return Rejected(UserId(f"ldap:{self.name}:several"), found.value)
        if found.closed:
            return Rejected(found.id, found.closed)
        groups = None if fresh else self._remembered(found.id)
        if groups is None:
            groups = reader.groups(found)
            self._remember(found.id, groups)
        return Accepted(account_of(self._settings, found, groups))

    def _bind_name(self, typed: TypedName, found: Person) -> str:
        template = self._settings.direct_bind
        if template is None:
            return found.entry.dn
        return template.replace("{name}", in_dn(typed.bare) if "=" in template else typed.bare)

    def _verify(self, link: LdapConversation, found: Person) -> None:
        """Make sure that the yes was about this entry, and not about nobody at all (RFC 4513 5.1.2)."""
        if not signed_in(link, self._settings, found).is_(found):
            raise ServerFailed("the directory said yes to a password, but not that it was this person's")

    # -- what is remembered

    def _send(
        self, link: LdapConversation, account_id: UserId, sent: list[tuple[UserId, Shown]]
    ) -> Shown | None:
        """Count a password that is about to be sent; None when there were too many wrong ones.

        Raises:
            ServerFailed: whoever asked has given up waiting; nothing is sent, and nothing counted.
            Unavailable: there may have been too many: some of them had no answer.
        """
        if link.is_aborted:
            raise ServerFailed("no answer in time")
        shown = self._budget.send(account_id)
        if shown is not None:
            sent.append((account_id, shown))
        elif self._budget.in_doubt(account_id):
            raise Unavailable(NOT_ASKED, directory=self.name)
        return shown

    def _remembered(self, account_id: UserId) -> frozenset[str] | None:
        groups, until = self._groups.get(account_id, (frozenset[str](), 0.0))
        return groups if until > self._clock.monotonic_s() else None

    def _remember(self, account_id: UserId, groups: frozenset[str]) -> None:
        self._groups.pop(account_id, None)
        self._groups[account_id] = (groups, self._clock.monotonic_s() + self._settings.group_cache_s)
        while len(self._groups) > MAX_REMEMBERED:
            self._groups.popitem(last=False)

    async def _restore(self) -> None:
        if self._restored:
            return
        rows = await self._database.read(people.failure_rows)
        if not self._restored:
            self._restored = True
            self._budget.restore(rows, self._clock.now())


def _sendable(password: str) -> bytes | None:
    """Return a password as it goes to the directory; None for one that can be nobody's.

    A NUL ends a password in some directories, and what stands before it would be enough.
    """
    try:
        encoded = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None
    return encoded if encoded and len(encoded) <= MAX_PASSWORD_BYTES and b"\0" not in encoded else None
