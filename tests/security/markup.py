"""Markup wherever text can be stored, and a reader of pages that notices when it is taken for more than text."""

from html.parser import HTMLParser

from django.apps import apps
from django.db import models

# Breaks out of attributes, elements and scripts, if it is let; short enough for a Request ID.
MARKUP = "'\"><img src=x onerror=alert(1)>{{7*7}}"

# What is looked up, read by the code, or a key elsewhere.
KEPT = {
    *("jobs.Warehouse.location", "jobs.Warehouse.secret", "auth.User.password", "auth.Permission.name"),
    *("auth.Permission.codename", "jobs.Tally.measure", "jobs.Point.measure", "jobs.Event.kind"),
}
APPS = ("campaigns", "jobs", "auth")


def everywhere() -> int:
    """Put it into every text of every row, a field that is new tomorrow included; how many texts that were."""
    changed = 0
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            if model._meta.managed:
                changed += sum(_fill(row) for row in model._default_manager.all())
    return changed


def _fill(row: models.Model) -> int:
    changed = 0
    for field in row._meta.concrete_fields:
        name = f"{row._meta.label}.{field.name}"
        if name in KEPT or field.primary_key or field.is_relation:
            continue
        value = getattr(row, field.attname)
        if isinstance(field, models.JSONField):
            setattr(row, field.attname, _inside(value))
        elif (
            isinstance(field, models.CharField | models.TextField) and not field.choices and value is not None
        ):
            setattr(row, field.attname, f"{MARKUP}{row.pk}"[: field.max_length] if field.unique else MARKUP)
        else:
            continue
        changed += 1
    type(row)._default_manager.filter(pk=row.pk).update(
        **{field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    )
    return changed


def _inside(value: object) -> object:
    """The document with every text of it replaced; the keys stay, because they are ours."""
    if isinstance(value, str):
        return MARKUP
    if isinstance(value, dict):
        return {key: _inside(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_inside(inner) for inner in value]
    return value


class Page(HTMLParser):
    """What a browser finds on a page: what was injected, and what is read there."""

    LEADING = frozenset({"href", "src", "action", "formaction", "hx-get", "hx-post", "poster", "data"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.injected: list[str] = []
        self.words = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            where = (value or "").strip().lower()
            if name.startswith("on") or (
                name in self.LEADING and where.startswith(("javascript:", "data:", "x"))
            ):
                self.injected.append(f"<{tag} {name}={value}>")
            self.words += f" {value} "
        if tag in ("iframe", "object", "embed", "base", "meta") and dict(attrs).get("http-equiv"):
            self.injected.append(f"<{tag}>")

    def handle_data(self, data: str) -> None:
        self.words += data
        if "alert(1)" in data and self.get_starttag_text() == "<script>":
            self.injected.append(data)


def shown(source: str) -> bool:
    """Whether the markup is read on the page as it was typed; nothing of it is more than text."""
    page = Page(source)
    assert not page.injected, page.injected[:5]
    assert "'\">49" not in page.words, "a template in data was rendered"
    return MARKUP in page.words
