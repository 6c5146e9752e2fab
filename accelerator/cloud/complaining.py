"""Takes in spam complaints: finds who complained and records that they did."""

import re
from collections.abc import Sequence
from contextlib import suppress

from accelerator import protocol
from accelerator.cloud import links, objecting, sealing
from accelerator.cloud.models import Intent, Objection

# What may be a token: a part of a link's path, or all that there is.
TOKEN = re.compile(r"[A-Za-z0-9_-]{20,}")


class ComplaintUnknown(ValueError):
    """A complaint that names nobody this Cloud has written to."""


def complain(complaints: Sequence[protocol.Complaint]) -> int:
    """Record that these recipients complained, and say of how many it was not known.

    Raises ComplaintUnknown, having stored none.
    """
    return objecting.record(
        [_recipient(complaint, number) for number, complaint in enumerate(complaints, start=1)],
        Objection.Kind.COMPLAINT,
    )


def _recipient(complaint: protocol.Complaint, number: int) -> Intent:
    found = _by_link(complaint.link) or _by_address(complaint.request_id, complaint.address)
    if found is None:
        raise ComplaintUnknown(
            f"Complaint {number} names nobody this Cloud has written to: it needs a link from the message, or the"
            " Request ID and the address. None of the complaints was recorded."
        )
    return found


def _by_link(text: str) -> Intent | None:
    for token in TOKEN.findall(text):
        for kind in (links.OPEN, links.CLICK, links.UNSUBSCRIBE):
            with suppress(links.TokenInvalid):
                return links.recipient(links.read(kind, token))
    return None


def _by_address(request_id: str, address: str) -> Intent | None:
    try:
        key = protocol.address_key(address)
    except protocol.AddressInvalid:
        return None
    found = Intent.objects.filter(
        mailing__request_id=request_id.strip(), address_key__in=[*sealing.both([key])]
    )
    return found.select_related("batch").first()
