"""The form of a Warehouse: what is to be entered for each kind, and a secret that goes in and never comes out again."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import guide, locations, secrets

# Options of a location that hold what nobody may read there.
SECRET_OPTIONS = re.compile(r"passw|passphrase|pwd|token|secret|private_?key|credential", re.IGNORECASE)
# What some drivers are told in one option (odbc_connect) holds others.
SECRET_INSIDE = re.compile(r"\b(?:pwd|password)\s*=", re.IGNORECASE)
VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
LONGEST = 20_000  # characters; the key of a service account has two thousand


class Masked(forms.Textarea):
    """A secret of several lines, shown as dots (css/admin.css) and never sent to the browser."""

    def __init__(self) -> None:
        # A browser neither keeps it nor has somebody else look at its spelling.
        super().__init__({"class": "masked", "rows": 3, "autocomplete": "off", "spellcheck": "false"})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:  # noqa: ARG002
        return super().get_context(name, None, attrs)


class WarehouseForm(forms.ModelForm):  # type: ignore[type-arg]
    """A Warehouse and its secret. What is said of each kind is in the page; the style sheet shows the chosen one's."""

    new_secret = forms.CharField(
        label="Secret", required=False, strip=False, max_length=LONGEST, widget=Masked()
    )
    forget = forms.BooleanField(required=False, label="Forget the stored secret")

    class Meta:
        model = Warehouse
        fields = ("name", "kind", "location", "account")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:  # whoever may only look has none
            self.fields["kind"].choices = [("", "---------"), *((kind, _offered(kind)) for kind in Kind)]  # type: ignore[attr-defined]
            self.fields["kind"].help_text = _of_each(_standing)
            self.fields["location"].help_text = _of_each(_location)
        self.fields["new_secret"].help_text = format_html(
            "{}Empty: it stays as it is. It is stored sealed with the SECRET_KEY and never shown again. "
            "Or say where it is: env:{}NAME, an environment variable whose name begins so, or file:{}/NAME, a file in "
            "that folder (the setting WAREHOUSE_SECRETS); both are read on each machine that reads from the Warehouse, "
            "when it does.",
            _of_each(_secret),
            secrets.BEGINNING,
            settings.WAREHOUSE_SECRETS,
        )

    def clean_location(self) -> str:
        location: str = self.cleaned_data["location"]
        try:
            parts = urlsplit(location)
            options = dict(parse_qsl(parts.query))
        except ValueError:
            return location  # the connector says what is wrong with it
        hidden = any(map(SECRET_OPTIONS.search, options)) or any(map(SECRET_INSIDE.search, options.values()))
        if hidden or ":" in parts.netloc.rpartition("@")[0]:
            raise ValidationError(
                "The password does not belong here, where it can be read; it has its own field."
            )
        return location

    def clean_new_secret(self) -> str:
        # A browser ends lines as mail does; what is pasted often ends with one too many.
        secret: str = self.cleaned_data["new_secret"].replace("\r\n", "\n").rstrip("\n")
        if secret.startswith("env:") and not VARIABLE.fullmatch(secret):
            raise ValidationError("After env: stands the name of an environment variable, and nothing else.")
        if secret.startswith("file:") and (not secret.startswith("file:/") or "\n" in secret):
            raise ValidationError("After file: stands the whole path of a file, and nothing else.")
        try:
            secrets.check(secret)
        except secrets.SecretUnreadable as error:
            raise ValidationError(f"It can't be this one: {error}.") from error
        return secret

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        secret, forget = given.get("new_secret", ""), given.get("forget")
        kind, location = given.get("kind"), given.get("location", "")
        if kind and location and (wrong := _wrong(kind, location)):
            self.add_error("location", wrong)
        if secret and forget:
            self.add_error("forget", "Either a new secret is stored, or the old one forgotten.")
        if kind and location and not secret and not forget and self._leads_elsewhere(kind, location):
            self.add_error(
                "new_secret",
                "The stored secret was entered for another place, which would be told it now: enter it again, or have "
                "it forgotten.",
            )
        if secret and self.errors:
            self.add_error("new_secret", "Enter it again: it is not kept while something else is wrong.")
        return given

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["forget"]:
            self.instance.secret = ""
        if self.cleaned_data["new_secret"]:
            self.instance.secret = warehouses.seal_secret(self.cleaned_data["new_secret"])
        return super().save(commit)

    def _leads_elsewhere(self, kind: str, location: str) -> bool:
        """Whether a sealed secret would be told to somebody else than whom it was entered for."""
        if self.instance.pk is None:
            return False
        stored = Warehouse.objects.get(pk=self.instance.pk)
        if not stored.secret.startswith(secrets.SEALED):
            return False
        return (stored.kind, _addressee(stored.location)) != (kind, _addressee(location))


def _wrong(kind: str, location: str) -> str:
    """What its kind has against the location; "" for nothing."""
    if not guide.fits(kind, location):
        return f"It must look like {guide.of(kind).location}."
    try:
        locations.check(kind, location)
    except warehouses.LocationRefused as error:
        return str(error)
    return ""


def _addressee(location: str) -> tuple[str, str, str]:
    """Who is told the secret: all of a location but the path."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ("", location, "")
    return parts.scheme, parts.netloc, parts.query


def _offered(kind: Kind) -> str:
    return guide.name(kind) + ("" if guide.installed(kind) else " (not installed here)")


def _of_each(says: Callable[[Kind], SafeString]) -> SafeString:
    """A sentence about each kind, of which the style sheet shows the chosen one's."""
    each = ((kind, guide.name(kind), says(kind)) for kind in Kind)
    return format_html_join("", '<span class="of-kind of-{}"><strong>{}</strong>: {}</span>', each)


def _standing(kind: Kind) -> SafeString:
    page = format_html(
        '<a href="{}">how to connect, and the right role</a>.',
        reverse("admin:jobs_warehouse_connector", args=[kind]),
    )
    install = guide.how_to_install(kind)
    missing = (
        ""
        if guide.installed(kind)
        else format_html(" Its connector is not installed here: <code>{}</code>.", install)
    )
    unproven = "" if guide.proven(kind) else " " + guide.of(kind).tried
    return format_html("{}{}{}", page, missing, unproven)


def _location(kind: Kind) -> SafeString:
    return format_html("<code>{}</code> {}", guide.of(kind).location, guide.of(kind).connect)


def _secret(kind: Kind) -> SafeString:
    return format_html("{}.", guide.of(kind).secret)
