"""`manage.py inbound` of the Cloud: hears mails that came back, until it is ended."""

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accelerator.cloud.inbound import listener


class Command(BaseCommand):
    help = (
        "Hears mails that came back, by SMTP or LMTP at INBOUND_URL, until it is ended: reports that a message was not "
        "delivered, complaints, unsubscribes by mail. It takes mail for the addresses of BOUNCE_DOMAIN that the Cloud "
        "wrote into messages, and for INBOUND_ADDRESSES. Any number of them may run."
    )
    # They would read every page of the Cloud, each time.
    requires_system_checks = []

    def handle(self, *_: object, **__: Any) -> None:
        try:
            address = listener.Address.parse(settings.INBOUND_URL)
            asyncio.run(listener.serve(address, self._listening))
        except listener.Unusable as error:
            raise CommandError(f"{error}.") from error
        except OSError as error:
            raise CommandError(f"{settings.INBOUND_URL} can't be listened at: {error.strerror}.") from error

    def _listening(self, port: int) -> None:
        self.stdout.write(f"Mails that came back are heard at port {port}.")
        self.stdout.flush()
