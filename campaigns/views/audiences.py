"""Audiences: the list, the form with its preview, and the count."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import samples
from campaigns.forms import AudienceForm
from campaigns.models import Audience
from campaigns.views.loading import Request, SeeOther, audience_visible_to, belonging, listed
from jobs.warehouses import WarehouseError

# The fields that a preview reads; errors of the others can wait for the save.
PREVIEWED = ("account", "warehouse", "sql")


@require_safe
def audience_list(request: Request) -> HttpResponse:
    """Every Audience of the person's accounts, by name."""
    visible = Audience.objects.visible_to(request.user).select_related("account", "warehouse")
    return render(request, "campaigns/audiences.html", listed(request, visible, "audience"))


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """A new Audience."""
    return _form(request, Audience())


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request, pk: int) -> HttpResponse:
    """One Audience, its SQL and what the warehouse said about it last."""
    return _form(request, audience_visible_to(request.user, pk))


def _form(request: Request, audience: Audience) -> HttpResponse:
    if request.POST.get("do") == "preview":
        return _preview(request, audience)
    form = AudienceForm(
        request.POST if request.method == "POST" else None, instance=audience, user=request.user
    )
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f'"{saved}" is saved.')
        if form.seen and form.seen.slow:
            messages.warning(request, form.seen.slow)
        return SeeOther(saved.get_absolute_url())
    return _page(request, form, audience)


def _preview(request: Request, audience: Audience) -> HttpResponse:
    """What the SQL on the form, saved or not, selects right now: first rows and size."""
    form = AudienceForm(request.POST, instance=audience, user=request.user, counting=True)
    form.full_clean()
    for name in set(form.errors) - set(PREVIEWED):
        del form.errors[name]
    if form.seen and audience.pk and not {"sql", "warehouse"} & set(form.changed_data):
        samples.remember(audience, form.seen)
        audience.save(update_fields=["columns", "sample", "size", "counted_at"])
    if request.headers.get("HX-Request"):
        context = {"form": form, "seen": form.seen, "columns": columns_known(form), "fragment": True}
        return render(request, "campaigns/audience_form.html#preview", context)
    return _page(request, form, audience)


def _page(request: Request, form: AudienceForm, audience: Audience) -> HttpResponse:
    # A bound form has written what was typed on the instance: what stands above the form is what is stored.
    stored = Audience.objects.get(pk=audience.pk) if audience.pk else None
    context = {
        "form": form,
        "audience": stored,
        "seen": form.seen,
        "columns": columns_known(form),
        "kind": "audience",
        **belonging(request),
    }
    return render(request, "campaigns/audience_form.html", context)


def columns_known(form: AudienceForm) -> list[str]:
    """What the fields for columns offer."""
    return list(form.seen.columns) if form.seen else form.instance.column_names


@require_POST
def count(request: Request, pk: int) -> HttpResponse:
    """Count the recipients again and go back to where the person was."""
    audience = audience_visible_to(request.user, pk)
    problem = ""
    try:
        problem = samples.refresh(audience).slow
    except WarehouseError as error:
        problem = str(error)
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/audience_size.html", {"audience": audience, "problem": problem})
    if problem:
        messages.warning(request, problem)
    return SeeOther(audience.get_absolute_url())
