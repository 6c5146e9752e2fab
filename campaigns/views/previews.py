"""The message in its frame, behind a policy of its own: what a Template says may style itself and nothing else."""

from django.contrib.auth.models import User
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accelerator import rendering
from accelerator.rendering import RenderError, TemplateInvalid
from campaigns import checks, samples
from campaigns.models import Template
from campaigns.views.loading import Request, template_visible_to
from campaigns.views.sources import source_visible_to

# Messages carry their own styles and pictures from elsewhere. The sandbox takes scripts, forms and our origin.
# A response that names its policy keeps it: the middlewares add theirs only where there is none.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
}


@require_GET
def template_preview(request: Request, pk: int) -> HttpResponse:
    """The stored Template, ?for= a Campaign or an Audience."""
    return _message(template_visible_to(request.user, pk), request.user, request.GET)


@require_POST
def template_draft(request: Request) -> HttpResponse:
    """The Template as it stands on the form, saved or not."""
    return _message(_typed(request.POST), request.user, request.POST)


@require_POST
def template_reading(request: Request) -> HttpResponse:
    """Inbox line and checks of the Template as it stands on the form."""
    source = source_visible_to(request.user, request.POST.get("for", ""))
    reading = checks.read(_typed(request.POST), source.audience, source.supplemental, _number(request.POST))
    return render(request, "campaigns/reading.html", {"reading": reading})


def _typed(asked: QueryDict) -> Template:
    return Template(**{part: asked.get(part, "") for part in rendering.PARTS})


def _number(asked: QueryDict) -> int:
    text = asked.get("record", "")
    return int(text) if text.isdecimal() and len(text) < 4 else 0


def _message(template: Template, user: User, asked: QueryDict) -> HttpResponse:
    source = source_visible_to(user, asked.get("for", ""))
    try:
        record = samples.record(source.audience, template, _number(asked))
        return HttpResponse(samples.rendered(template, record, source.supplemental).html, headers=HEADERS)
    except (TemplateInvalid, RenderError) as error:
        return HttpResponse(f"{error}.", content_type="text/plain; charset=utf-8", headers=HEADERS)
