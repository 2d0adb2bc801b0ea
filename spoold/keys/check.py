"""Refuses to run with another store key than the one the held jobs were sealed under."""

from sqlalchemy import Connection

from holdstore.keyring import Keyring
from spoold.database import jobs, records
from spoold.model.errors import ConfigurationError

FACT = "kek-id"


def check_store_key(connection: Connection, keyring: Keyring) -> None:
    """Compare the key with the one last used; another one is taken when nothing is held under the old.

    Raises:
        ConfigurationError: held jobs could not be opened with this key. Starting all the same would
            quarantine every one of them.
    """
    known, given = records.get_fact(connection, FACT), keyring.kek_id.hex()
    if known == given:
        return
    if known is not None and known not in {one.hex() for one in keyring.kek_ids}:
        held = jobs.count_documents_with_keys(connection)
        if held:
            documents = "document was" if held == 1 else "documents were"
            raise ConfigurationError(
                f"{held} held {documents} sealed under another store key ({known[:8]}, not {given[:8]}). "
                "Put that key back, or remove the state directory if the documents may be lost."
            )
    records.set_fact(connection, FACT, given)
