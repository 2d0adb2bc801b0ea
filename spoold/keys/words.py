"""Private words: a title and what is kept of a PIN, sealed under the job's own key (docs/formats.md)."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from holdstore.archive_key import ArchiveKey
from holdstore.errors import HoldStoreError
from holdstore.keyring import Keyring
from holdstore.sealing import new_key, open_private, seal_private
from spoold.model.errors import Unavailable
from spoold.model.job import Job

# The job's own key is number 0; documents are numbered from 1.
JOB_KEY = 0
TITLE = "title"
# What is kept of the job's PIN (spoold.identity.pins), and how many wrong ones were tried.
PIN = "pin"
WRONG_PINS = "wrong-pins"


class Sealed(NamedTuple):
    """The part of a job that holds its words, for lists that leave out the rest."""

    id: UUID
    wrapped_key: bytes | None
    private: bytes | None


class PrivateWords:
    """Seals and opens what nobody but the owner may read about a job."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, job_id: UUID, words: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return the wrapped job key and the sealed words of a new job."""
        key = new_key()
        return self._keyring.wrap(key, job_id, JOB_KEY), seal_private(key, words, job_id)

    def seal_again(self, job: Job, words: Mapping[str, str]) -> bytes:
        """Return new sealed words of a job that has some, under its own key.

        Raises:
            Unavailable: the key cannot be opened, or was shredded.
        """
        if job.wrapped_key is None:
            raise Unavailable("What is known of this job was destroyed.", job=str(job.id))
        try:
            return seal_private(self._keyring.unwrap(job.wrapped_key, job.id, JOB_KEY), words, job.id)
        except HoldStoreError as error:
            raise Unavailable(
                "What is known of this job cannot be read.", job=str(job.id), error=str(error)
            ) from error

    def open(self, job: Job | Sealed) -> dict[str, str]:
        """Return a job's words; nothing once they were shredded.

        Raises:
            Unavailable: the words or the key do not fit this job.
        """
        if job.wrapped_key is None or job.private is None:
            return {}
        try:
            key = self._keyring.unwrap(job.wrapped_key, job.id, JOB_KEY)
            return open_private(key, job.private, job.id)
        except HoldStoreError as error:
            raise Unavailable(
                "The name of this job cannot be read.", job=str(job.id), error=str(error)
            ) from error

    def for_archive(self, job: Job, key: ArchiveKey) -> tuple[bytes, bytes]:
        """Return a key for the archive that is wrapped for it, and the job's title sealed under that key.

        Nothing else goes there: what is kept of a PIN dies with the job.

        Raises:
            Unavailable: as `open`.
        """
        return _titled(job, key, self.title(job))

    def untitled_for_archive(self, job: Job, key: ArchiveKey) -> tuple[bytes, bytes]:
        """Return the same with an empty title, for a job whose title nobody can open."""
        return _titled(job, key, "")

    def title(self, job: Job | Sealed) -> str:
        """Return a job's title, empty once it was shredded."""
        return self.open(job).get(TITLE, "")


def _titled(job: Job, key: ArchiveKey, title: str) -> tuple[bytes, bytes]:
    fresh = new_key()
    return key.wrap(fresh, job.id, JOB_KEY), seal_private(fresh, {TITLE: title}, job.id)
