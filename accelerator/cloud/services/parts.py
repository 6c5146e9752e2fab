"""A composed message taken apart for anymail: the same subject, sender, headers and texts; nothing is rendered anew."""

import email
import email.policy
from collections.abc import Mapping
from email.headerregistry import AddressHeader
from email.message import MIMEPart
from email.utils import quote

from django.core.mail import EmailMultiAlternatives

# Headers with a place of their own in a call, and those that whoever builds the message anew writes anew: the service
# dates a message when it takes it, and signs it by itself.
APART = frozenset(
    {"from", "to", "reply-to", "subject", "date", "mime-version", "content-type", "content-transfer-encoding"}
    | {"dkim-signature"}
)


def mail(
    text: bytes, recipient: str, *, headers: Mapping[str, str], **flags: object
) -> EmailMultiAlternatives:
    """For one recipient, a normal address. `headers` are added; `flags` are anymail's (track_opens and so on)."""
    message = email.message_from_bytes(text, policy=email.policy.SMTP)
    own = {name: str(value) for name, value in message.items() if name.lower() not in APART}
    found = EmailMultiAlternatives(
        subject=str(message["Subject"]),
        from_email=_mailbox(message["From"]),
        to=[recipient],
        reply_to=[str(message["Reply-To"])] if message["Reply-To"] else None,
        headers={**own, **headers},
    )
    texts = {part.get_content_subtype(): _text(part) for part in message.iter_parts()}
    if "plain" in texts:
        found.body = texts["plain"]
        if "html" in texts:
            found.attach_alternative(texts["html"], "text/html")
    else:
        found.body, found.content_subtype = texts["html"], "html"
    for name, value in flags.items():
        setattr(found, name, value)
    return found


def _mailbox(header: AddressHeader) -> str:
    """Written so that a name with commas or brackets stays one name."""
    address = header.addresses[0]
    return (
        f'"{quote(address.display_name)}" <{address.addr_spec}>'
        if address.display_name
        else address.addr_spec
    )


def _text(part: MIMEPart) -> str:
    """Lines end in LF: who builds the message anew gives them their ends."""
    return str(part.get_content()).replace("\r\n", "\n")
