"""People for whom somebody else vouched once, and who cannot be asked about: their rows say all there is."""

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.provider import Finding, NotHere, finding_of
from spoold.identity.secret import Secret
from spoold.model.ids import UserId


class KeptPeople:
    """A provider without a source: accounts that an OpenID provider brought, say."""

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self._database = database

    async def check(self, _name: str, _password: Secret) -> Finding:
        """Know nobody: nobody has a password here."""
        return NotHere()

    async def find(self, _name: str) -> Finding:
        """Know nobody by name: whoever vouches for these people tells them by their ids."""
        return NotHere()

    async def again(self, account_id: UserId) -> Finding:
        """Look an account up by its id."""
        row = await self._database.read(
            lambda connection: people.user_by_id(connection, account_id), short=True
        )
        return finding_of(row, self.name)

    def alias(self, _name: str) -> str | None:
        """Return nothing: no typed name is for us."""
        return None
