"""How long the mail server may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Seconds, of RFC 5321, section 4.5.3.2: for the greeting and most replies, for DATA's, for a block of the message,
    for the reply to the final dot; and for the connection itself."""

    connect: float = 10.0
    reply: float = 300.0
    data: float = 120.0
    block: float = 180.0
    acceptance: float = 600.0
