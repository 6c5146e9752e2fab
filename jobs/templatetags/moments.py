"""Moments as pages tell them: relative and short; the exact one is on hover (`templates/parts/when.html`)."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400

# Until how many seconds away, told in which unit.
UNITS = ((MINUTE, 1, "s"), (HOUR, MINUTE, "min"), (DAY, HOUR, "h"), (30 * DAY, DAY, "day"))


@register.filter
def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """ "12 s ago", "5 min ago", "2 h ago", "3 days ago", "in 5 min"; a date where it is a month or more away."""
    if moment is None:
        return ""
    seconds = int(((now or timezone.now()) - moment).total_seconds())
    if abs(seconds) < 2:
        return "just now"
    for limit, size, unit in UNITS:
        if abs(seconds) < limit:
            amount = abs(seconds) // size
            told = f"{amount}\N{NO-BREAK SPACE}{unit}{'s' if unit == 'day' and amount > 1 else ''}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return date_format(timezone.localtime(moment), "j M Y")
