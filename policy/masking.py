"""Masking: what a document and its owner are called towards people, and towards printers."""

# RFC 8011 5.1.3: name(MAX) is 255 octets; printers cut or refuse longer ones.
MAX_NAME_BYTES = 255
# What a printer is told instead of who prints.
OUTWARD_USER = "spoold"


def masked_name(number: int) -> str:
    """Return what stands in place of a document's name: the job's number, which says nothing."""
    return f"Job {number}"


def document_title_for(*, viewer_is_owner: bool, masked: bool, title: str, number: int) -> str:
    """Return the title a viewer may see.

    Args:
        viewer_is_owner: the viewer is the proven owner of the job, nobody else.
        masked: names are masked for the job's queue or server-wide.
        title: the title as the client gave it.
        number: "job-id" of the job.
    """
    if not title.strip() or (masked and not viewer_is_owner):
        return masked_name(number)
    return title


def outward_job_name(*, masked: bool, title: str, number: int) -> str:
    """Return "job-name" and "document-name" for a printer, at most 255 octets."""
    if masked or not title.strip():
        return masked_name(number)
    return _cut(title)


def outward_user_name(*, masked: bool, name: str) -> str:
    """Return "requesting-user-name" for a printer, at most 255 octets."""
    return OUTWARD_USER if masked or not name.strip() else _cut(name)


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:MAX_NAME_BYTES].decode(errors="ignore")
