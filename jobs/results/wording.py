"""The Cloud's words for why nobody was reached, as people say them."""

# Categories of bounces. Another Cloud may have more: an unknown word is shown as it is.
CATEGORIES = {
    "unknown_user": "no such mailbox",
    "unknown_domain": "no such domain",
    "disabled": "mailbox disabled",
    "mailbox_full": "mailbox full",
    "too_large": "message too large",
    "system": "receiving system in trouble",
    "unreachable": "receiving server not reached",
    "protocol": "mail servers did not understand each other",
    "unsupported_address": "address not supported",
    "content": "content not accepted",
    "policy": "refused by policy",
    "other": "no reason known",
}

# Why a recipient was withheld.
REASONS = {
    "unsubscribed": "unsubscribed",
    "hard_bounce": "bounced hard before",
    "complained": "complained of spam",
    "added": "put on the list by hand",
    "duplicate": "same address twice in this Job",
    "invalid": "not an address",
}


def category(word: str) -> str:
    """What a bounce is about."""
    return CATEGORIES.get(word) or _plain(word)


def reason(word: str) -> str:
    """Why somebody was withheld."""
    return REASONS.get(word) or _plain(word)


def bounce(category_word: str, *, hard: bool) -> str:
    """ "Hard: no such mailbox"."""
    return f"{'Hard' if hard else 'Soft'}: {category(category_word)}"


def _plain(word: str) -> str:
    return word.replace("_", " ") or "no reason known"
