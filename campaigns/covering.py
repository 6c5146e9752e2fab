"""Which variables of a Template an Audience's columns cover, and which are missing."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import User

from accelerator.rendering import TemplateInvalid
from campaigns import samples
from campaigns.models import Audience, Template

# Templates of the account that are shown while no campaign sends any: a choice, not a catalogue.
SHOWN = 10


@dataclass(frozen=True)
class Cover:
    """What the columns mean to one Template; `problem` says why it can't be told."""

    template: Template
    covered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problem: str = ""


def of(template: Template, columns: Iterable[str]) -> Cover:
    """The variables of the Template that are columns, and those that are not."""
    try:
        wanted = samples.compiled(template).variables
    except TemplateInvalid as error:
        return Cover(template, problem=str(error))
    has = frozenset(columns)
    return Cover(template, sorted(wanted & has), sorted(wanted - has))


def covers(audience: Audience, columns: Iterable[str], user: User) -> list[Cover]:
    """For the Templates of the campaigns that use the Audience; while none does, for those of its account."""
    has = frozenset(columns)
    if not has:
        return []
    visible = Template.objects.visible_to(user).filter(account=audience.account_id)
    used = list(visible.filter(campaigns__audience=audience.pk).distinct()) if audience.pk else []
    return [of(template, has) for template in used or visible[:SHOWN]]
