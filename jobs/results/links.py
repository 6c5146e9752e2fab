"""The links of a Job's Template that were clicked most, named as they are written there."""

import html as markup
from dataclasses import dataclass
from functools import lru_cache

from accelerator import rendering
from jobs.models import Job
from jobs.results.analytics import Tallies

LINKS = 10


@dataclass(frozen=True)
class Link:
    """A link of the Template as it is written there, how often it was clicked, by how many, its share of all clicks."""

    label: str
    total: int
    people: int
    share: float


@dataclass(frozen=True)
class Links:
    """The links that were clicked, most people first, and the clicks of those that are not shown."""

    shown: tuple[Link, ...]
    total: int
    others: int

    @property
    def others_share(self) -> float:
        return self.others / self.total if self.total else 0.0


def top(job: Job, counted: Tallies) -> Links:
    """The links that were clicked most."""
    names = _links(job.instructions.template.html)
    total = counted.get(("clicks", ""), (0, 0))[0]
    rows = [
        Link(names.get(detail, f"Link {detail}"), clicks, people, clicks / total if total else 0.0)
        for (measure, detail), (clicks, people) in counted.items()
        if measure == "clicks" and detail
    ]
    shown = tuple(sorted(rows, key=lambda row: (-row.people, -row.total, row.label))[:LINKS])
    return Links(shown, total, others=max(0, total - sum(row.total for row in shown)))


@lru_cache(maxsize=16)
def _links(html: str) -> dict[str, str]:
    """The links of a Template by their number; none where it does not compile, which stops no page."""
    try:
        found = rendering.compile_template(subject="", html=html, text="").links
    except rendering.TemplateInvalid:
        return {}
    return {str(number): " ".join(markup.unescape(link).split()) for number, link in enumerate(found)}
