"""Hands messages to the mail server on several lines at once, and says what became of each. Knows no database."""

from accelerator.cloud.smtp.line import Line, Message
from accelerator.cloud.smtp.posting import post
from accelerator.cloud.smtp.server import Server, ServerAway, ServerRefuses, connect
from accelerator.cloud.smtp.timeouts import Timeouts

__all__ = ["Line", "Message", "Server", "ServerAway", "ServerRefuses", "Timeouts", "connect", "post"]
