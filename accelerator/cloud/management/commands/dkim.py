"""`manage.py dkim` of the Cloud: makes keys that messages are signed with, and shows the records to publish."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accelerator import protocol
from accelerator.cloud import dkim

KINDS = ("rsa", "ed25519")


class Command(BaseCommand):
    help = (
        "Makes keys that sign the messages of a sending domain (DKIM), in the folder of DKIM_KEYS, and shows the DNS "
        "records to publish; without a domain shows those of all keys there are. Publish the records first, and then "
        "restart the senders: from then on they sign."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "domain", nargs="?", help="what stands behind the @ of the Sending Profile's address"
        )
        parser.add_argument(
            "--selector", default="accelerator1", help="names the key; another one for each key"
        )
        parser.add_argument(
            "--kind", choices=(*KINDS, "both"), default="both", help="not all receivers know ed25519 yet"
        )

    def handle(self, *_: object, **options: Any) -> None:
        if not settings.DKIM_KEYS:
            raise CommandError("Set DKIM_KEYS to the folder that is to hold the keys.")
        try:
            made = self._make(options) if options["domain"] else dkim.signers()
        except dkim.KeyUnusable as error:
            raise CommandError(f"{error}.") from error
        except OSError as error:
            raise CommandError(f"The key can't be written: {error.strerror} ({error.filename}).") from error
        for signer in made:
            self.stdout.write(signer.line)

    def _make(self, options: dict[str, Any]) -> list[dkim.Signer]:
        try:
            domain = protocol.normal_domain(options["domain"])
        except protocol.AddressInvalid as error:
            raise CommandError(f'"{options["domain"]}" is {error}.') from error
        kinds = KINDS if options["kind"] == "both" else (options["kind"],)
        selectors = [
            options["selector"] + ("e" if len(kinds) > 1 and kind == "ed25519" else "") for kind in kinds
        ]
        for selector in selectors:
            name = f"{selector}._domainkey.{domain}.pem"
            if not dkim.NAME.fullmatch(name):
                raise CommandError(f'"{selector}" is no selector: small letters, digits, - and dots.')
            if (Path(settings.DKIM_KEYS) / name).exists():
                raise CommandError(f"{name} is there already; a new key takes another --selector.")
        return [dkim.make(domain, selector, kind) for selector, kind in zip(selectors, kinds, strict=True)]
