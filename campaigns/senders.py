"""Which addresses a message can come from: the Cloud's own rule, said to the person who can mend it."""

import idna

from accelerator.protocol import SENDER_ADDRESS


def problem(address: str) -> str:
    """Why mail can't come from the address, and what to write instead; empty: it can."""
    if SENDER_ADDRESS.fullmatch(address):
        return ""
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        ascii_domain = ""
    mended = f"{local}@{ascii_domain}"
    if SENDER_ADDRESS.fullmatch(mended):
        return (
            f"Mail can't come from {address} as it is written. Write the domain in its ASCII form: {mended}."
        )
    return (
        f"Mail can't come from {address}: the name before the @ is of ASCII letters, digits and signs like . - + _, "
        "the domain after it of ASCII letters, digits, dots and hyphens (xn--... where it has other letters)."
    )
