"""Whether a Job may be frozen: what was found is enough and right, and its Template renders real records of it."""

from django.conf import settings

from accelerator import rendering
from accelerator.heartbeats import Heartbeat
from jobs import warehouses
from jobs.models import Job
from jobs.stages import shared
from jobs.stages.extracting import Found
from jobs.states import Failure


class NotReady(Exception):
    """The Job must not go on; the reason code and the sentence."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        self.failure = failure
        super().__init__(sentence)


def check_something(found: Found) -> None:
    """Raises NotReady where nobody can be contacted."""
    if found.records == 0 and found.dropped == 0:
        raise NotReady(Failure.AUDIENCE_SQL, "The Audience selects nobody: its SQL gave no rows.")
    if found.records == 0:
        raise NotReady(
            Failure.AUDIENCE_SQL,
            f"The Audience selects nobody who can be mailed: each of its rows ({found.dropped:,}) lacks an id or an "
            "address, or the address is invalid.",
        )


def check_share(found: Found) -> None:
    """Raises NotReady where too many can't be mailed: then a column is the wrong one, also if it is mostly empty.

    Who is there twice is no fault, and whom the SQL leaves out is nobody's business.
    """
    wrong = found.missing + found.invalid
    if wrong > found.rows * settings.AUDIENCE_MOST_INVALID:
        raise NotReady(
            Failure.AUDIENCE_SQL,
            f"{wrong:,} of the Audience's {found.rows:,} rows ({wrong / found.rows:.0%}) can't be mailed: "
            f"{found.missing:,} without an id or an address, {found.invalid:,} with an address that is invalid. At "
            f"most {settings.AUDIENCE_MOST_INVALID:.0%} may be so (AUDIENCE_MOST_INVALID). Are the columns the right "
            "ones? The list of dropped rows shows them; whom the SQL leaves out does not count.",
        )


def supplemental(job: Job, heartbeat: Heartbeat) -> dict[str, object]:
    """What all recipients share: the document of the Campaign, or what its SELECT gives now."""
    instructions = job.instructions
    if not instructions.supplemental_sql:
        return instructions.supplemental
    try:
        return shared.read(job.warehouse, instructions.supplemental_sql, on_loss=heartbeat.on_loss)
    except warehouses.AudienceSqlError as error:
        raise NotReady(Failure.CAMPAIGN, f"The Supplemental Data can't be read: {error}") from error


def is_far(job: Job, found: Found) -> bool:
    """Whether a person must be asked: the size is far from the last one, and nobody has confirmed one like it."""
    instructions = job.instructions
    if instructions.most_change is None or instructions.last_size is None:
        return False
    sizes = [instructions.last_size] + ([job.size_confirmed] if job.size_confirmed is not None else [])
    return all(abs(found.records - size) > size * instructions.most_change / 100 for size in sizes)


def render_sample(job: Job, found: Found, supplemental: dict[str, object]) -> None:
    """Render real records with the real Template; a failure here would be one for thousands of people."""
    instructions = job.instructions
    source = instructions.template
    try:
        template = rendering.compile_template(subject=source.subject, html=source.html, text=source.text)
    except rendering.TemplateInvalid as error:
        raise NotReady(Failure.TEMPLATE, str(error)) from error
    unknown = sorted(template.variables - found.columns)
    if unknown:
        raise NotReady(
            Failure.TEMPLATE,
            f"The Template uses {_listed(unknown)}, which the Audience does not select. "
            "Add it to the SQL, or remove it from the Template.",
        )
    for record in _sample(found):
        recipient = record[instructions.audience.recipient_id_column]
        try:
            _render(template, record, supplemental)
        except rendering.RenderError as error:
            raise NotReady(Failure.TEMPLATE, f"{error} (seen with recipient {recipient}).") from error


def _render(template: rendering.Compiled, record: dict[str, object], supplemental: dict[str, object]) -> None:
    """Render a record as the Cloud will, links and pixel too. Raises RenderError."""
    template.render(
        record,
        supplemental=supplemental,
        unsubscribe_url="https://links.example/u/aZ",
        link=lambda number, _url: f"https://links.example/c/{number}-aZ",
        open_pixel_url="https://links.example/o/aZ",
    )


def _sample(found: Found) -> list[dict[str, object]]:
    return warehouses.as_python(found.sample) if found.sample is not None else []


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
