"""The forms of a Campaign's parts. What can be known before a launch is said here, at the field that it is about."""

import re
from typing import Any, cast

from django import forms
from django.contrib.auth.models import Group, User

from accelerator.protocol import SERVICE_NAME
from accelerator.rendering import TemplateInvalid
from campaigns import samples, senders, variables
from campaigns.access import accounts_of, warehouses_of
from campaigns.models import Audience, SendingProfile, Template
from campaigns.variables import ValueInvalid
from jobs import warehouses
from jobs.models import LaunchValue, Warehouse
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
    """Runs the SQL: what the warehouse said is in `seen`, and remembered with the Audience.

    Has two fields for each launch variable of the SQL: its kind, and the value that the SQL is run with here.
    """

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
            "Template. {{ name }} stands for a value that each launch asks for: write it without quotes.",
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
        self._stored = list(self.instance.variables)
        self.ask(self.written())

    def ask(self, values: list[LaunchValue]) -> None:
        """Add the fields of these launch variables."""
        for value in values:
            self.fields[variables.kind_name(value.name)] = variables.kind_field(value)
            self.fields[variables.value_name(value.name)] = variables.value_field(
                value, f"Value of {value.name}"
            )

    def written(self) -> list[LaunchValue]:
        """The launch variables of the SQL as it stands on the form, with what was typed for them."""
        if not self.is_bound:
            return variables.of(self.instance) if self.instance.warehouse_id else []
        try:
            warehouse = self.fields["warehouse"].clean(self.data.get("warehouse"))
        except forms.ValidationError:
            warehouse = None
        return variables.typed(str(self.data.get("sql") or ""), warehouse, self.data)

    @property
    def launch_variables(self) -> list[variables.Row]:
        """The launch variables as the page shows them."""
        return variables.rows(self)

    @property
    def reads_anew(self) -> bool:
        """Whether what was typed would read other rows than what is stored."""
        another = bool({"sql", "warehouse"} & set(self.changed_data))
        return another or self.instance.variables != self._stored

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        warehouse, sql = data.get("warehouse"), data.get("sql")
        values = self._values()
        if warehouse is not None and sql and values is not None and self._may_read(warehouse):
            self._look(warehouse, sql, values)
        return data

    def _values(self) -> tuple[LaunchValue, ...] | None:
        """What the variables stand for; None where one is missing or does not fit, which is said at its field."""
        found, written = [], self.written()
        for value in written:
            try:
                found.append(variables.read(value.name, value.kind, value.value))
            except ValueInvalid as error:
                field = variables.value_name(value.name)
                if field not in self.errors:  # that it is missing was said before
                    self.add_error(field, str(error))
        if len(found) < len(written):
            return None
        self.instance.variables = [value.model_dump() for value in found]
        return tuple(found)

    def _may_read(self, warehouse: Warehouse) -> bool:
        account = self.chosen_account()
        if account is None or warehouse.account_id in (None, account.pk):
            return True
        self.add_error("warehouse", f'This warehouse belongs to another account than "{account}".')
        return False

    def _look(self, warehouse: Warehouse, sql: str, values: tuple[LaunchValue, ...]) -> None:
        meant = {value.name: value.meant for value in values}
        try:
            self.seen = samples.look(warehouse, sql, meant, counting=self.counting)
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
        """Also remembers what was seen; a size that belongs to another SELECT, or other values, is forgotten."""
        if self.reads_anew:
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
            "such a recipient is not sent to. Decimals are written as the warehouse does, and can be counted with: "
            '{% if price > 100 %}, {{ "%.2f"|format(price * 2) }}. '
            "{{ unsubscribe_url }} is the recipient's own unsubscribe page.",
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
    """Whose name and address stand on the message, and who takes it to its recipient."""

    class Meta:
        model = SendingProfile
        fields = ("name", "from_name", "from_address", "reply_to", "service")
        widgets = {
            "service": forms.TextInput(
                attrs={"placeholder": "the Cloud's mail server", "autocomplete": "off", "spellcheck": "false"}
            ),
        }
        help_texts = {
            "name": "How your team calls it; recipients do not see it.",
            "from_address": "The mail server or service must be allowed to send for it.",
            "reply_to": "Where answers go; empty: to the from address.",
            "service": "Empty: the Cloud's mail server. Else an email service provider, by the name that your admin "
            "gave it there, for example postmark. A name that the Cloud does not know fails the Job before anybody "
            "is contacted.",
        }

    def clean_from_name(self) -> str:
        """On one line: it becomes part of a header (RFC 5322, section 2.2)."""
        return " ".join(str(self.cleaned_data["from_name"]).split())

    def clean_from_address(self) -> str:
        return self._address("from_address")

    def clean_reply_to(self) -> str:
        return self._address("reply_to")

    def clean_service(self) -> str:
        """Which names there are, only the Cloud knows; what can be none is said here."""
        name = str(self.cleaned_data["service"]).lower()
        if name and not re.fullmatch(SERVICE_NAME, name):
            raise forms.ValidationError(
                "A service's name is of letters a to z, digits and hyphens. Ask your admin for it, or leave it empty."
            )
        return name

    def _address(self, name: str) -> str:
        address = str(self.cleaned_data[name])
        problem = senders.problem(address) if address else ""
        if problem:
            raise forms.ValidationError(problem)
        return address
