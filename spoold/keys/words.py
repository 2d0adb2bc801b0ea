"""Private words: a job's title and document names, sealed under the job's own key (docs/formats.md)."""

from collections.abc import Mapping
from uuid import UUID

from holdstore.errors import HoldStoreError
from holdstore.keyring import Keyring
from holdstore.sealing import new_key, open_private, seal_private
from spoold.model.errors import Unavailable
from spoold.model.job import Job

# The job's own key is number 0; documents are numbered from 1.
JOB_KEY = 0
TITLE = "title"


class PrivateWords:
    """Seals and opens what nobody but the owner may read about a job."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, job_id: UUID, words: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return the wrapped job key and the sealed words of a new job."""
        key = new_key()
        return self._keyring.wrap(key, job_id, JOB_KEY), seal_private(key, words, job_id)

    def open(self, job: Job) -> dict[str, str]:
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

    def title(self, job: Job) -> str:
        """Return a job's title, empty once it was shredded."""
        return self.open(job).get(TITLE, "")
