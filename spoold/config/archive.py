"""The [archive] table: for whom copies of printed jobs are kept, and for how long."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from holdstore.archive_text import PUBLIC_PREFIX, parse_public, write_public
from spoold.config.section import Section
from spoold.config.values import refuse
from spoold.model.archive import ArchiveTerms

# Laws ask for ten years, some for thirty; what must be kept for ever belongs into another system.
MAX_KEEP_DAYS = 36_525
_DAYS = re.compile(r"(\d{1,6})d", re.ASCII)


def parse_keep(value: object) -> timedelta:
    """Parse "365d": whole days, from one to a hundred years."""
    if isinstance(value, timedelta):
        return value
    match = _DAYS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        refuse('must be a number of days such as "365d"')
    if not 1 <= int(match[1]) <= MAX_KEEP_DAYS:
        refuse(f"must be between 1d and {MAX_KEEP_DAYS}d")
    return timedelta(days=int(match[1]))


def parse_archive_key(value: object) -> bytes:
    """Parse the public half of an archive key, as `spoold archive new-key` prints it."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        refuse("must be a string: the public half that `spoold archive new-key` printed")
    try:
        return parse_public(value)
    except ValueError as error:
        refuse(str(error))


ArchivePublicKey = Annotated[
    bytes,
    PlainValidator(parse_archive_key),
    PlainSerializer(write_public),
    WithJsonSchema({"type": "string", "pattern": f"^{PUBLIC_PREFIX}[0-9a-f]{{64}}:[0-9a-f]{{8}}$"}),
]
Keep = Annotated[
    timedelta,
    PlainValidator(parse_keep),
    PlainSerializer(lambda keep: f"{keep.days}d"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+d$", "examples": ["365d"]}),
]


class Archive(Section):
    """Where rules may have copies kept of what was printed."""

    key: ArchivePublicKey
    """The public half of the archive key; whoever has the private half can read copies, spoold cannot."""
    keep: Keep
    """How long, in days from when the job was printed: then the copy is destroyed."""

    def terms(self) -> ArchiveTerms:
        """Return what is promised of every copy."""
        return ArchiveTerms(self.key, self.keep)
