"""When two addresses are the same person."""

import re

import idna

# What may stand in a From header unquoted (RFC 5322, section 3.2.3); nobody sends from a quoted local part.
SENDER_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


class AddressInvalid(ValueError):
    """The text is no address that mail can be sent to."""


_BLANK = re.compile(r"[\s\x00-\x1f]")


def address_key(address: str) -> str:
    """What makes two addresses the same person: the normal address (`normal_address`), lower-cased as a whole.

    Lower-casing the local part is stricter than RFC 5321 section 2.4 asks, on purpose: contacting
    Bob@ and bob@ as two people is the worse error.
    """
    return normal_address(address).lower()


def normal_address(address: str) -> str:
    """The address as mail has it: no blanks around it, the domain in IDNA A-labels and lower case.

    Raises AddressInvalid.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not domain or _BLANK.search(address.strip()):
        raise AddressInvalid("not an address: it needs one name, one @ and one domain, without spaces")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise AddressInvalid("the domain of the address cannot exist") from error
    # Dots of other scripts are one here: no domain in a mail ends so (RFC 5321, section 4.1.2).
    if ascii_domain.endswith("."):
        raise AddressInvalid("not an address: its domain ends with a dot")
    return f"{local}@{ascii_domain.lower()}"
