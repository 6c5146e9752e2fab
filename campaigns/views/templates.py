"""Templates: the list, the form, and the message as a recipient sees it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import checks
from campaigns.forms import TemplateForm
from campaigns.models import Template
from campaigns.views import sources
from campaigns.views.loading import Request, SeeOther, belonging, listed, template_visible_to


@require_safe
def template_list(request: Request) -> HttpResponse:
    """Every Template of the person's accounts, by name."""
    visible = Template.objects.visible_to(request.user).select_related("account")
    return render(request, "campaigns/templates.html", listed(request, visible, "template"))


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """A new Template."""
    return _form(request, Template())


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request, pk: int) -> HttpResponse:
    """One Template and its preview."""
    return _form(request, template_visible_to(request.user, pk))


def _form(request: Request, template: Template) -> HttpResponse:
    form = TemplateForm(
        request.POST if request.method == "POST" else None, instance=template, user=request.user
    )
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f'"{saved}" is saved.')
        return SeeOther(saved.get_absolute_url())
    stored = Template.objects.get(pk=template.pk) if template.pk else None
    offered = sources.choices(request.user, stored)
    chosen = next((choice.name for group in offered.values() for choice in group), "")
    context = {
        "form": form,
        "template": stored,
        "choices": offered,
        "chosen": chosen,
        "kind": "template",
        **belonging(request),
    }
    if stored:
        source = sources.source_visible_to(request.user, chosen)
        context["reading"] = checks.read(stored, source.audience, source.supplemental)
    return render(request, "campaigns/template_form.html", context)
