"""How SMTP and LMTP are spoken with whoever brings mail: aiosmtpd's way, but that a mail is held once, in one piece.

aiosmtpd keeps each line by itself, which takes many times a mail of short ones, and refuses mails with lines that are
longer than RFC 5321 has them for good: what they say would be lost.
"""
# ruff: noqa: N802 - aiosmtpd's names

import asyncio

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

# Bytes of a mail, with its dots doubled.
SIZE_LIMIT = 4_000_000
END = b"\r\n.\r\n"
TOO_LARGE = "552 5.3.4 The mail is too large"


class _Whole(SMTP):
    """Before aiosmtpd's: takes a mail of any lines, up to the end that RFC 5321, section 4.1.1.4 has, and no other."""

    # What is read ahead at most is twice this.
    line_length_limit = SIZE_LIMIT

    async def smtp_DATA(self, arg: str) -> None:
        if await self.check_helo_needed():
            return
        assert self.envelope is not None  # noqa: S101  there is one from the first connection on
        if arg or not self.envelope.rcpt_tos:
            await self.push(
                "501 5.5.4 DATA stands alone" if arg else "503 5.5.1 First say whom the mail is for"
            )
            return
        await self.push("354 End it with a dot in a line by itself")
        mail = await self._mail()
        if mail is None:
            await self.push(TOO_LARGE)
        else:
            self.envelope.content = mail
            await self.push(await self._call_handler_hook("DATA"))
        self._set_post_data_state()  # type: ignore[no-untyped-call]

    async def _mail(self) -> bytes | None:
        """Up to its end, without doubled dots; None for what is too large, of which nothing is kept."""
        # So that a dot in the first line stands behind a line end like all others.
        self._reader._buffer[:0] = END[:2]  # type: ignore[attr-defined]
        kept = True
        while True:
            try:
                data = await self._reader.readuntil(END)
            except asyncio.LimitOverrunError as error:
                kept = False
                await self._reader.readexactly(error.consumed)
                continue
            return data.replace(b"\r\n..", b"\r\n.")[len(END[:2]) : -len(END[2:])] if kept else None


class Smtp(_Whole):
    """SMTP."""


class Lmtp(_Whole, LMTP):
    """LMTP (RFC 2033)."""
