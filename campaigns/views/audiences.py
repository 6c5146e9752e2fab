"""Audiences: the list, the form with its launch variables and its preview, and the count."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import covering, samples, variables
from campaigns.access import warehouses_of
from campaigns.forms import AudienceForm
from campaigns.models import Audience
from campaigns.samples import Look
from campaigns.views.loading import (
    Request,
    SeeOther,
    audience_visible_to,
    belonging,
    campaign_visible_to,
    listed,
)
from jobs.warehouses import WarehouseError

# The fields that a preview does not read: their errors can wait for the save.
NOT_PREVIEWED = ("name", "recipient_id_column", "email_column")


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
    if request.POST.get("do") == "variables":
        return _variables(request)
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
    for name in set(form.errors) & set(NOT_PREVIEWED):
        del form.errors[name]
    if form.seen and audience.pk and not form.reads_anew:
        samples.remember(audience, form.seen)
        audience.save(update_fields=samples.REMEMBERED)
    if request.headers.get("HX-Request"):
        missing = [row.value for row in form.launch_variables if row.value.errors]
        if missing:
            missing[0].field.widget.attrs["autofocus"] = True
        context = _shown(request, form, form.seen) | {"form": form, "fragment": True, "missing": missing}
        return render(request, "campaigns/audience_form.html#preview", context)
    return _page(request, form, audience)


def _variables(request: Request) -> HttpResponse:
    """The rows of the launch variables with fields of the kinds that were chosen; nothing is run or judged."""
    typed = AudienceForm(request.POST, instance=Audience(), user=request.user).written()
    form = AudienceForm(instance=Audience(), user=request.user)
    form.ask([variables.fitting(value) for value in typed])
    return render(request, "campaigns/audience_form.html#variables", {"form": form})


def _page(request: Request, form: AudienceForm, audience: Audience) -> HttpResponse:
    # A bound form has written what was typed on the instance: what stands above the form is what is stored.
    stored = Audience.objects.get(pk=audience.pk) if audience.pk else None
    seen = form.seen if form.is_bound else samples.remembered(audience)
    context = {
        **_shown(request, form, seen),
        "form": form,
        "audience": stored,
        "kind": "audience",
        **belonging(request),
    }
    return render(request, "campaigns/audience_form.html", context)


def _shown(request: Request, form: AudienceForm, seen: Look | None) -> dict[str, object]:
    """What the warehouse said, now or when it was asked last, and what that means to Templates."""
    return {
        "seen": seen,
        "columns": columns_known(form),
        "covers": covering.covers(form.instance, seen.columns, request.user) if seen else [],
    }


def columns_known(form: AudienceForm) -> list[str]:
    """What the fields for columns offer."""
    return list(form.seen.columns) if form.seen else form.instance.column_names


@require_POST
def count(request: Request, pk: int) -> HttpResponse:
    """Count the recipients again and go back to where the person was: the Audience, or a Campaign that has it."""
    audience = audience_visible_to(request.user, pk)
    at = request.POST.get("campaign", "")
    campaign = campaign_visible_to(request.user, int(at)) if at.isdecimal() and len(at) < 19 else None
    seen, problem = None, ""
    if warehouses_of(request.user).filter(pk=audience.warehouse_id).exists():
        try:
            seen = samples.refresh(audience)
            problem = seen.slow
        except WarehouseError as error:
            problem = str(error)
    else:
        problem = "Its warehouse belongs to another account."
    if request.headers.get("HX-Request"):
        context = {"audience": audience, "campaign": campaign, "seconds": seen and seen.seconds}
        return render(request, "campaigns/audience_size.html", context | {"problem": problem})
    if problem:
        messages.warning(request, problem)
    elif seen and seen.seconds is not None:
        messages.success(request, f"Counted in {seen.seconds:.2f} s.")
    return SeeOther((campaign or audience).get_absolute_url())
