"""How the Jobs' pages write numbers, shares and times."""

from datetime import datetime, timedelta

from django import template

register = template.Library()

SPACE = "\N{NO-BREAK SPACE}"


@register.filter
def grouped(number: int) -> str:
    """100000 -> 100,000; the same as in the sentences of `jobs.sentences`."""
    return f"{number:,}"


@register.filter
def share(part: float) -> str:
    """0.599 -> 59.9 %. What is not nothing never reads 0.0, and what is not all never reads 100.0."""
    if 0 < part < 0.0005:
        return f"<{SPACE}0.1{SPACE}%"
    if 0.9995 <= part < 1:
        return f">{SPACE}99.9{SPACE}%"
    return f"{part * 100:.1f}{SPACE}%"


@register.filter
def percent(part: float) -> str:
    """0.599 -> 59.90%, as SVG wants it in any language."""
    return f"{part * 100:.2f}%"


@register.filter
def heavy(size: int) -> str:
    """840 B, 12 kB, 3.4 MB, 1.2 GB: bytes in steps of a thousand."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1_000 or unit == "GB":
            break
        amount /= 1_000
    return f"{amount:,.{1 if unit in ('MB', 'GB') and amount < 100 else 0}f}{SPACE}{unit}"


@register.filter
def lasting(span: timedelta) -> str:
    """4 s, 2 min 5 s, 1 h 12 min, 3 d 4 h: the two largest units."""
    seconds = max(0, round(span.total_seconds()))
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, seconds = divmod(seconds, length)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount}{SPACE}{unit}")
        elif parts:
            break
    return " ".join(parts[:2])


@register.filter
def moment(text: str) -> datetime | None:
    """The moment that the Cloud wrote in ISO 8601; None where it wrote none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
