"""The form of a Campaign: its parts, and the Supplemental Data, as a document or by a SELECT."""

import json
from typing import Any, cast

from django import forms
from django.contrib.auth.models import User
from django.forms.fields import InvalidJSONInput

from accelerator import rendering
from accelerator.protocol import RateInvalid, parse_rates
from campaigns import supplemental
from campaigns.forms import PlanForm
from campaigns.models import Audience, Campaign, SendingProfile, Template
from campaigns.supplemental import SupplementalInvalid
from jobs import control
from jobs.models import Warehouse
from jobs.warehouses import WarehouseError

# Characters of what a SELECT gave that its preview shows.
SHOWN = 5_000


class SupplementalField(forms.JSONField):
    """JSON as a person writes it: shown indented and in its own script, and given back as typed when refused."""

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value or {}
        try:
            return supplemental.read(value)
        except SupplementalInvalid as error:
            raise forms.ValidationError(str(error)) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else InvalidJSONInput(data or "")

    def prepare_value(self, value: Any) -> Any:
        if not value:
            return ""
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False, indent=2)
        return super().prepare_value(value)


class DomainRatesField(forms.JSONField):
    """Messages an hour by receiving domain, a line each; given back as typed when refused."""

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value or {}
        try:
            return parse_rates(value.splitlines())
        except RateInvalid as error:
            raise forms.ValidationError(str(error)) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else InvalidJSONInput(data or "")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{domain} {rate}" for domain, rate in value.items())
        return super().prepare_value(value)


class CampaignForm(PlanForm):
    """Every part may wait, but for the name; what is missing blocks the launch, not the form.

    Runs the SELECT of the Supplemental Data; what it gave is `shared`, and stored for previews.
    """

    class Meta:
        model = Campaign
        fields = (
            "name",
            "audience",
            "template",
            "sending_profile",
            "notification_address",
            "rate_per_hour",
            "domain_rates",
            "most_change",
            "supplemental",
            "supplemental_sql",
        )
        field_classes = {"supplemental": SupplementalField, "domain_rates": DomainRatesField}
        labels = {
            "sending_profile": "Sending Profile",
            "rate_per_hour": "Messages per hour",
            "domain_rates": "Messages per hour to receiving domains",
            "most_change": "Ask when the size differs by more than (per cent)",
            "supplemental": "As a document",
            "supplemental_sql": "Or by a SELECT",
        }
        widgets = {
            "domain_rates": forms.Textarea(
                attrs={"rows": 3, "class": "code", "spellcheck": "false", "autocomplete": "off"}
            ),
            "supplemental": forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"}),
            "supplemental_sql": forms.Textarea(
                attrs={"rows": 4, "class": "code", "spellcheck": "false", "autocomplete": "off"}
            ),
        }
        help_texts = {
            "name": "Recipients do not see it.",
            "notification_address": "Who is told when a launch is cancelled or fails before anybody is contacted.",
            "rate_per_hour": "At most so many messages an hour; empty: as fast as the mail server takes them.",
            "domain_rates": "A line each, as in gmail.com 20000. Recipients elsewhere do not wait for these.",
            "most_change": "With 20, a launch that finds a fifth more or fewer recipients than the last one waits, "
            "before anybody is contacted, until somebody has looked and confirms. Empty: it never asks.",
            "supplemental": "One JSON object for all recipients, in the Template as {{ supplemental.name }}.",
            "supplemental_sql": "Run against the Audience's warehouse, anew for each launch. The columns of its first "
            "row are {{ supplemental.name }}; all of its rows are {{ supplemental.rows }}.",
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.shared: dict[str, object] | None = None
        if self.instance.supplemental_sql:
            self.initial["supplemental"] = {}  # what the SELECT gave, and nobody typed
        if self.instance.pk is None:
            self.initial["notification_address"] = user.email
        parts: dict[str, type[Audience] | type[Template] | type[SendingProfile]]
        parts = {"audience": Audience, "template": Template, "sending_profile": SendingProfile}
        for name, model in parts.items():
            choice = cast("forms.ModelChoiceField[Any]", self.fields[name])
            visible = model.objects.visible_to(user)
            choice.queryset = (
                visible if "account" in self.fields else visible.filter(account=self.instance.account)
            )
            choice.empty_label = "None yet"

    @property
    def shared_text(self) -> str:
        """What the SELECT gave, as a page shows it."""
        text = rendering.shown(self.shared, indent=2)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        account = self.chosen_account()
        for name in ("audience", "template", "sending_profile"):
            part = data.get(name)
            if part is not None and account is not None and part.account_id != account.pk:
                self.add_error(
                    name, f'"{part}" belongs to the account "{part.account}", the campaign to "{account}".'
                )
        if data.get("supplemental_sql"):
            self._read_shared(data)
        return data

    def _read_shared(self, data: dict[str, Any]) -> None:
        """Run the SELECT, if it stands alone and there is a warehouse that it may be run against."""
        audience: Audience | None = data.get("audience")
        if data.get("supplemental") or "supplemental" in self.errors:
            sentence = "There are a document and a SELECT. Keep the one that is meant, and empty the other."
            self.add_error("supplemental_sql", sentence)
        elif "audience" in self.errors:
            return
        elif audience is None:
            sentence = "Choose an Audience first: the SELECT is run against its warehouse."
            self.add_error("supplemental_sql", sentence)
        elif self._may_read(audience.warehouse):
            try:
                self.shared = control.read_supplemental(audience.warehouse, data["supplemental_sql"])
            except WarehouseError as error:
                self.add_error("supplemental_sql", str(error))
            else:
                data["supplemental"] = self.shared

    def _may_read(self, warehouse: Warehouse) -> bool:
        account = self.chosen_account()
        if warehouse.account_id is None or (account is not None and warehouse.account_id == account.pk):
            return True
        self.add_error("supplemental_sql", "The Audience's warehouse belongs to another account.")
        return False
