"""The forms of what a marketer plans. What can be known before a launch is said here, at the field that it is about."""

import json
from typing import Any, cast

from django import forms
from django.contrib.auth.models import Group, User
from django.forms.fields import InvalidJSONInput

from accelerator.rendering import TemplateInvalid
from campaigns import samples, senders, supplemental
from campaigns.access import accounts_of, warehouses_of
from campaigns.models import Audience, Campaign, SendingProfile, Template
from campaigns.supplemental import SupplementalInvalid
from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, WarehouseError


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """A form of something that belongs to an account; asks for the account only where there is a choice."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = list(accounts_of(user)[:2])
        if self.instance.pk is None and len(accounts) == 1:
            self.instance.account = accounts[0]
        elif self.instance.pk is None:
            self.fields = {
                "account": forms.ModelChoiceField(
                    accounts_of(user), empty_label="Choose an account", help_text="Whose people see it."
                )
            } | self.fields

    def chosen_account(self) -> Group | None:
        """The account it belongs to, or will; None while none is chosen."""
        if "account" in self.fields:
            return cast("Group | None", self.cleaned_data.get("account"))
        return cast("Group", self.instance.account)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account = self.chosen_account()
        if account is not None:
            self.instance.account = account
        return data


class AudienceForm(PlanForm):
    """Runs the SQL: what the warehouse said is in `seen`, and remembered with the Audience."""

    class Meta:
        model = Audience
        fields = ("name", "warehouse", "sql", "recipient_id_column", "email_column")
        widgets = {
            "sql": forms.Textarea(
                attrs={"rows": 8, "class": "code", "spellcheck": "false", "autocomplete": "off"}
            ),
            "recipient_id_column": forms.TextInput(
                attrs={"list": "columns", "class": "code", "autocomplete": "off"}
            ),
            "email_column": forms.TextInput(
                attrs={"list": "columns", "class": "code", "autocomplete": "off"}
            ),
        }
        help_texts = {
            "sql": "One SELECT; it is run read-only. Each row becomes one recipient, each column a variable of the "
            "Template.",
            "recipient_id_column": "The column that tells recipients apart.",
            "email_column": "The column with the address. Rows without a valid one, and addresses seen before, are "
            "dropped and counted.",
        }
        error_messages = {
            "sql": {"required": "Write the SELECT that chooses the recipients."},
            "recipient_id_column": {"required": "Name the column with the recipient's id."},
            "email_column": {"required": "Name the column with the address."},
        }

    def __init__(self, *args: Any, user: User, counting: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.counting = counting
        self.seen: samples.Look | None = None
        choice = cast("forms.ModelChoiceField[Any]", self.fields["warehouse"])
        choice.queryset, choice.empty_label = warehouses_of(user), "Choose a warehouse"

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        warehouse, sql = data.get("warehouse"), data.get("sql")
        if warehouse is not None and sql and self._may_read(warehouse):
            self._look(warehouse, sql)
        return data

    def _may_read(self, warehouse: Warehouse) -> bool:
        account = self.chosen_account()
        if account is None or warehouse.account_id in (None, account.pk):
            return True
        self.add_error("warehouse", f'This warehouse belongs to another account than "{account}".')
        return False

    def _look(self, warehouse: Warehouse, sql: str) -> None:
        try:
            self.seen = samples.look(warehouse, sql, counting=self.counting)
        except AudienceSqlError as error:
            self.add_error("sql", str(error))
        except WarehouseError as error:
            self.add_error("warehouse", str(error))
        else:
            self._check_columns(self.seen)

    def _check_columns(self, seen: samples.Look) -> None:
        """Names at their fields; what the Job would refuse of the columns themselves at the SQL, where it is mended."""
        names = ("recipient_id_column", "email_column")
        named = {name: str(self.cleaned_data.get(name) or "") for name in names}
        for name, column in named.items():
            if column and column not in seen.columns:
                has = ", ".join(seen.columns)
                self.add_error(name, f'The SELECT has no column "{column}". It has: {has}.')
        if seen.schema is not None and all(column in seen.columns for column in named.values()):
            try:
                warehouses.check_columns(seen.schema, **named)
            except AudienceSqlError as error:
                self.add_error("sql", str(error))

    def save(self, commit: bool = True) -> Audience:
        """Also remembers what was seen; a size that belongs to another SELECT is forgotten."""
        if {"sql", "warehouse"} & set(self.changed_data):
            self.instance.size = self.instance.counted_at = None
        if self.seen is not None:
            samples.remember(self.instance, self.seen)
        audience: Audience = super().save(commit)
        return audience


class TemplateForm(PlanForm):
    """Compiles the parts; an error stands at the part it is in, with its line."""

    class Meta:
        model = Template
        fields = ("name", "subject", "html", "text")
        widgets = {
            "subject": forms.TextInput(attrs={"autocomplete": "off"}),
            "html": forms.Textarea(attrs={"rows": 18, "class": "code", "spellcheck": "false"}),
            "text": forms.Textarea(attrs={"rows": 8, "class": "code"}),
        }
        help_texts = {
            "subject": "Columns of the Audience are variables: {{ first_name }}.",
            "html": '{{ first_name|default("there") }} says what to print where the value is empty; without a default '
            "such a recipient is not sent to. {{ unsubscribe_url }} is the recipient's own unsubscribe page.",
            "text": "For programs and people that read no HTML.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        parts = {name: data.get(name) or "" for name in ("subject", "html", "text")}
        try:
            samples.compiled(Template(**parts))
        except TemplateInvalid as error:
            self.add_error(error.part, str(error))
        return data


class SendingProfileForm(PlanForm):
    """Whose name and address stand on the message."""

    class Meta:
        model = SendingProfile
        fields = ("name", "from_name", "from_address", "reply_to")
        help_texts = {
            "name": "How your team calls it; recipients do not see it.",
            "from_address": "Your mail server must be allowed to send for it.",
            "reply_to": "Where answers go; empty: to the from address.",
        }

    def clean_from_name(self) -> str:
        """On one line: it becomes part of a header (RFC 5322, section 2.2)."""
        return " ".join(str(self.cleaned_data["from_name"]).split())

    def clean_from_address(self) -> str:
        return self._address("from_address")

    def clean_reply_to(self) -> str:
        return self._address("reply_to")

    def _address(self, name: str) -> str:
        address = str(self.cleaned_data[name])
        problem = senders.problem(address) if address else ""
        if problem:
            raise forms.ValidationError(problem)
        return address


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


class CampaignForm(PlanForm):
    """Every part may wait, but for the name; what is missing blocks the launch, not the form."""

    class Meta:
        model = Campaign
        fields = (
            "name",
            "audience",
            "template",
            "sending_profile",
            "notification_address",
            "rate_per_hour",
            "supplemental",
        )
        field_classes = {"supplemental": SupplementalField}
        labels = {"sending_profile": "Sending Profile", "rate_per_hour": "Messages per hour"}
        widgets = {"supplemental": forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"})}
        help_texts = {
            "name": "Recipients do not see it.",
            "notification_address": "Who is told when a launch is cancelled or fails before anybody is contacted.",
            "rate_per_hour": "At most so many messages an hour; empty: as fast as the mail server takes them.",
            "supplemental": "One JSON object for all recipients, in the Template as {{ supplemental.name }}.",
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
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

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        account = self.chosen_account()
        for name in ("audience", "template", "sending_profile"):
            part = data.get(name)
            if part is not None and account is not None and part.account_id != account.pk:
                self.add_error(
                    name, f'"{part}" belongs to the account "{part.account}", the campaign to "{account}".'
                )
        return data
