"""Launch variables as people fill them in: what kind each is of, whether what was typed fits, and how it is shown."""

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django import forms

from campaigns.models import Audience
from jobs.models import LaunchValue, Warehouse
from jobs.reading import variables
from jobs.warehouses import AudienceSqlError, kinds

Kind = Literal["text", "number", "date", "boolean"]
KINDS: dict[Kind, str] = {"text": "Text", "number": "Number", "date": "Date", "boolean": "Yes or no"}
YES, NO = frozenset({"yes", "true"}), frozenset({"no", "false"})

# Characters of a text; digits of a number, the most that warehouses keep exactly.
LONGEST, DIGITS = 1_000, 38

# What no text of a database holds.
UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")


class ValueInvalid(ValueError):
    """What was typed is no value of the variable; the sentence says what would be."""


def written(name: str) -> str:
    """The variable as the SQL has it."""
    return f"{{{{ {name} }}}}"


def problem(audience: Audience) -> str:
    """Why the variables of the Audience's SQL can't be bound; empty: they can."""
    try:
        _names(audience.sql, audience.warehouse)
    except AudienceSqlError as error:
        return str(error)
    return ""


def of(audience: Audience) -> list[LaunchValue]:
    """One for each variable of the Audience's SQL, in its order, as it is stored; a new one is a text without a value.

    None where the SQL writes one in a way that can't be bound: whoever runs it is told.
    """
    try:
        names = _names(audience.sql, audience.warehouse)
    except AudienceSqlError:
        return []
    stored = {value.name: value for value in audience.launch_values}
    return [stored.get(name) or LaunchValue(name=name, kind="text", value="") for name in names]


def typed(sql: str, warehouse: Warehouse | None, data: Mapping[str, Any]) -> list[LaunchValue]:
    """The variables of the SQL on a form, with the kinds that were chosen there and the texts as they were typed."""
    try:
        names = _names(sql, warehouse)
    except AudienceSqlError:  # it will be mended, and then what was typed is wanted again
        names = [field.removeprefix(_VALUE) for field in data if re.fullmatch(_VALUE + variables.NAME, field)]
    found = []
    for name in names:
        kind = data.get(kind_name(name))
        value = str(data.get(value_name(name)) or "")
        found.append(LaunchValue(name=name, kind=kind if kind in KINDS else "text", value=value))
    return found


def _names(sql: str, warehouse: Warehouse | None) -> list[str]:
    return variables.names(sql, kinds.dialect(warehouse.kind) if warehouse else "")


def read(name: str, kind: Kind, text: str) -> LaunchValue:
    """The value in the text. Raises ValueInvalid."""
    text = text.strip()
    if not text:
        raise ValueInvalid(_missing(name))
    return LaunchValue(name=name, kind=kind, value=_READERS[kind](text))


def _missing(name: str) -> str:
    return f"Say what {written(name)} stands for."


def _text(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueInvalid(f"This is longer than {LONGEST:,} characters.")
    if UNWRITABLE.search(text):
        raise ValueInvalid(
            "A character in it is one that no text in a database may hold, such as NUL. Remove it."
        )
    return text


def _number(text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        raise ValueInvalid("Write a number in digits, with a point before its decimals: 1500 or 19.90.")
    if sum(map(str.isdigit, text)) > DIGITS:
        raise ValueInvalid(f"A number has {DIGITS} digits at most.")
    return text.removeprefix("+")


def _date(text: str) -> str:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueInvalid("Write a day that there is as year, month and day: 2026-11-25.")


def _boolean(text: str) -> str:
    if text.lower() in YES | NO:
        return "true" if text.lower() in YES else "false"
    raise ValueInvalid("Write yes or no.")


_READERS: dict[Kind, Callable[[str], str]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "boolean": _boolean,
}


class YesOrNo(forms.Select):
    """Yes, no, or not said yet."""

    def __init__(self) -> None:
        super().__init__(choices=[("", "Choose"), ("true", "Yes"), ("false", "No")])

    def format_value(self, value: Any) -> list[str]:
        typed = str(value or "").strip().lower()
        return ["true" if typed in YES else "false" if typed in NO else ""]


# A hyphen is in no name of another field.
_KIND, _VALUE = "kind-", "value-"


def kind_name(name: str) -> str:
    """The form's field for the kind of a variable."""
    return f"{_KIND}{name}"


def value_name(name: str) -> str:
    """The form's field for the value of a variable."""
    return f"{_VALUE}{name}"


def kind_field(value: LaunchValue) -> forms.ChoiceField:
    """What the kind is chosen with."""
    return forms.ChoiceField(
        choices=list(KINDS.items()),
        label=f"Kind of {value.name}",
        required=False,
        initial=value.kind,
        widget=forms.Select(attrs={"class": "kind"}),
    )


def value_field(value: LaunchValue, label: str) -> forms.CharField:
    """What the value is typed into; whether it fits is for `read` to say."""
    widgets: dict[Kind, forms.Widget] = {
        "text": forms.TextInput(attrs={"autocomplete": "off"}),
        "number": forms.TextInput(attrs={"autocomplete": "off", "inputmode": "decimal"}),
        "date": forms.TextInput(attrs={"type": "date"}),
        "boolean": YesOrNo(),
    }
    field = forms.CharField(label=label, initial=value.value, widget=widgets[value.kind])
    field.error_messages["required"], field.validators = _missing(value.name), []
    return field


def fitting(value: LaunchValue) -> LaunchValue:
    """Without a text that is none of its kind, as when another kind was chosen since."""
    try:
        return read(value.name, value.kind, value.value)
    except ValueInvalid:
        return value.model_copy(update={"value": ""})


@dataclass(frozen=True)
class Row:
    """A variable on the form: as the SQL has it, and the fields for its kind and its value."""

    written: str
    kind: forms.BoundField
    value: forms.BoundField


def rows(form: forms.BaseForm) -> list[Row]:
    """The variables that the form has fields for."""
    names = [field.removeprefix(_VALUE) for field in form.fields if field.startswith(_VALUE)]
    return [Row(written(name), form[kind_name(name)], form[value_name(name)]) for name in names]
