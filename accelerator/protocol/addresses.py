"""What an address is, how mail has it, and when two of them are the same person: decided here for everybody.

`jobs.records.addresses` asks the same of whole columns.
"""

import functools
import re
import unicodedata

import idna
from email_validator import EmailNotValidError, validate_email

# What may stand in a From header unquoted (RFC 5322, section 3.2.3); nobody sends from a quoted local part.
SENDER_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")

# What stands around an address that was copied from somewhere, and is not of it: white space, and what nobody sees
# (zero-width space, word joiner, byte order mark).
AROUND = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
)

# Nearly all addresses: nothing in them is to be decoded, and they are so short (octets) that no part is too long.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ORDINARY = rf"{_ATOM}(?:\.{_ATOM})*@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{{2,}}"
SHORT = 64

# Octets (RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3).
LONGEST_NAME, LONGEST_ADDRESS = 64, 254

_ordinary = re.compile(ORDINARY)
_dot_atom = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
# A name that stands in a command and in a header as it is. Quoted, it has the same characters, and dots anywhere.
_safe_name = re.compile(r'[^\s<>()\[\],;:\\"@]+|"[^\s<>()\[\],;:\\"@]+"')
# At least two labels; the last one of letters, or an A-label.
_mail_domain = re.compile(r"(?:[a-z0-9-]+\.)+(?:[a-z]{2,}|xn--[a-z0-9-]+)")
# White space, controls, what is ignored when text is shown or turns it round, what stands for lost characters.
_unseen = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]"
)


class AddressInvalid(ValueError):
    """The text is no address that mail can be sent to."""


def address_key(address: str) -> str:
    """What makes two addresses the same person: the normal address (`normal_address`), lower-cased as a whole.

    Lower-casing the local part is stricter than RFC 5321 section 2.4 asks, on purpose: contacting
    Bob@ and bob@ as two people is the worse error.
    """
    return key_of_normal(normal_address(address))


def key_of_normal(normal: str) -> str:
    """The key of an address that is normal already."""
    lowered = normal.lower()
    # Some letters have a composed form in lower case alone.
    return lowered if lowered.isascii() else unicodedata.normalize("NFC", lowered)


def normal_address(address: str) -> str:
    """The address as mail has it: nothing around it (`AROUND`), the domain in IDNA A-labels and lower case.

    The local part is a dot-atom (RFC 5321, section 4.1.2), of any letters (RFC 6531) in NFC; dots at its ends or two in
    a row, as some carriers gave them out, are none, but may be quoted. Quotes that change nothing are left out; other
    quoted names that need them (blanks, signs) are refused, as are address literals and domains of one label.
    Zero-width joiners, which some scripts need, are refused too: the domain's A-label says the same.

    Raises AddressInvalid.
    """
    written = address.strip(AROUND)
    name, at, domain = written.rpartition("@")
    if not (at and name and domain):
        raise AddressInvalid("not an address: it needs one name, one @ and one domain, without spaces")
    if len(written) <= SHORT and _ordinary.fullmatch(written):
        return f"{name}@{domain.lower()}"
    if len(written) > LONGEST_ADDRESS:
        raise AddressInvalid(f"not an address: longer than {LONGEST_ADDRESS} bytes")
    if _unseen.search(written):
        raise AddressInvalid("not an address: it has spaces, or characters that nobody sees")
    normal = f"{_name(name)}@{normal_domain(domain)}"
    for form in (normal, key_of_normal(normal)):
        if len(form.encode()) > LONGEST_ADDRESS:
            raise AddressInvalid(f"not an address: longer than {LONGEST_ADDRESS} bytes")
        if len(form.rpartition("@")[0].encode()) > LONGEST_NAME:
            raise AddressInvalid(f"not an address: longer than {LONGEST_NAME} bytes before the @")
    return normal


def _name(written: str) -> str:
    if _dot_atom.fullmatch(written):
        return written
    try:
        found = validate_email(f"{written}@example.com", allow_quoted_local=True, check_deliverability=False)
    except EmailNotValidError:
        found = None
    if found is None or not _safe_name.fullmatch(found.local_part):
        raise AddressInvalid("not an address: what stands before the @ is no name")
    return found.local_part


@functools.lru_cache(maxsize=10_000)
def normal_domain(written: str) -> str:
    """A domain that mail can be sent to, in IDNA A-labels and lower case. Raises AddressInvalid."""
    try:
        found = idna.encode(written, uts46=True).decode()
    except idna.IDNAError:
        found = ""
    if not _mail_domain.fullmatch(found):
        raise AddressInvalid("not an address: its domain cannot exist")
    return found
