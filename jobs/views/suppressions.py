"""The suppression list: looked at, searched and changed by those permitted. Addresses travel in bodies, not in URLs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accelerator import storable
from accelerator.protocol import LONGEST_ADDRESS, AddressInvalid, SuppressedAddress
from jobs import suppressing
from jobs.client import CloudRefused, CloudUnreachable
from jobs.templatetags.quantities import moment
from jobs.views.loading import Request, SeeOther

VIEW, CHANGE = "jobs.view_suppression", "jobs.change_suppression"

# So many wrong lines are named; the rest is counted.
NAMED = 10

# An empty field is as high as its placeholder (field-sizing).
EXAMPLE = "ann@example.com\nben@example.com\n…"

LABELS = {word: label for word, label, _ in suppressing.REASONS}
WARNINGS = {word: warning for word, _, warning in suppressing.REASONS}


@dataclass(frozen=True)
class Entry:
    """A line of the list, with its reason in words; no address where the Cloud keeps none any more."""

    address: str
    why: str
    at: datetime | None


class FindForm(forms.Form):
    """One address to look for."""

    address = forms.CharField(label="Address", max_length=LONGEST_ADDRESS)

    def clean_address(self) -> str:
        address: str = storable.text(self.cleaned_data["address"])
        try:
            suppressing.key(address)
        except AddressInvalid as error:
            raise ValidationError(f"This is {error}.") from error
        return address


class AddForm(forms.Form):
    """Addresses, one a line. All of them or none: a wrong line is named, and everything stays in the field."""

    addresses = forms.CharField(
        label="Addresses",
        widget=forms.Textarea(attrs={"placeholder": EXAMPLE, "spellcheck": "false", "autocomplete": "off"}),
        help_text=f"One a line, {suppressing.MOST:,} at most. From now on no mailing contacts them.",
    )

    def clean_addresses(self) -> list[str]:
        lines = storable.text(self.cleaned_data["addresses"]).splitlines()
        addresses, wrong = [], []
        for number, line in enumerate(lines, start=1):
            try:
                addresses += [suppressing.key(line)] if line.strip() else []
            except AddressInvalid as error:
                wrong.append(f"Line {number} is {error}.")
        if len(addresses) > suppressing.MOST:
            wrong.insert(
                0, f"{len(addresses):,} addresses are too many at once; add {suppressing.MOST:,} at most."
            )
        if len(wrong) > NAMED:
            wrong[NAMED:] = [f"{len(wrong) - NAMED} more lines are wrong."]
        if wrong:
            raise ValidationError([*wrong, "Nothing was added yet."])
        return addresses


@never_cache
@sensitive_post_parameters()
@permission_required(VIEW, raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def suppressions(request: Request) -> HttpResponse:
    """GET shows the list; POST does what `act` says."""
    if request.method != "POST":
        return _page(request)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        return HttpResponseBadRequest("What is to be done?")
    return act(request)


def _find(request: Request) -> HttpResponse:
    form = FindForm(request.POST)
    if not form.is_valid():
        return _page(request, find=form)
    address = form.cleaned_data["address"]
    try:
        entry = suppressing.find(address)
    except (CloudUnreachable, CloudRefused) as error:
        return _page(request, find=form, trouble=error)
    answer: dict[str, object] = {
        "address": suppressing.key(address),
        "entry": _entry(entry) if entry else None,
        "changes": suppressing.changes_of(address),
    }
    return _page(request, find=form, answer=answer)


def _add(request: Request) -> HttpResponse:
    _may_change(request)
    form = AddForm(request.POST)
    if not form.is_valid():
        return _page(request, add=form)
    addresses = form.cleaned_data["addresses"]
    try:
        new = suppressing.add(addresses, by=request.user)
    except (CloudUnreachable, CloudRefused) as error:
        return _page(request, add=form, trouble=error)
    known = len(set(addresses)) - new
    messages.success(request, _added(new, known))
    return SeeOther(reverse("suppressions:list"))


def _remove(request: Request) -> HttpResponse:
    """Says first what it means, by the reason that the Cloud has; does it when that was confirmed."""
    _may_change(request)
    form = FindForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("Which address?")
    address, confirmed = form.cleaned_data["address"], "confirmed" in request.POST
    context: dict[str, object] = {"address": address, "confirmed": confirmed}
    try:
        if confirmed:
            _say_removed(request, suppressing.remove(address, by=request.user))
            return SeeOther(reverse("suppressions:list"))
        context["warning"] = _warning(suppressing.find(address))
    except (CloudUnreachable, CloudRefused) as error:
        context["trouble"] = str(error)
    return render(request, f"jobs/suppression_remove.html{'#confirm' if request.htmx else ''}", context)


ACTS: dict[str, Callable[[Request], HttpResponse]] = {"find": _find, "add": _add, "remove": _remove}


def _may_change(request: Request) -> None:
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied


def _say_removed(request: Request, count: int) -> None:
    if count:
        messages.success(request, "The address was taken off the list: mailings may contact it again.")
    else:
        messages.info(request, "The address was not on the list.")


def _warning(entry: SuppressedAddress | None) -> str:
    """Empty: the address is not on the list (any more)."""
    if entry is None:
        return ""
    return WARNINGS.get(entry.reason, "If you take it off, the next mailing may contact the address again.")


def _page(
    request: Request,
    *,
    find: FindForm | None = None,
    add: AddForm | None = None,
    answer: dict[str, object] | None = None,
    trouble: Exception | None = None,
) -> HttpResponse:
    """The page, with the list unless something was looked for; where the Cloud can't be asked, why."""
    context: dict[str, object] = {
        "find": find or FindForm(),
        "add": add or AddForm(),
        "answer": answer,
        "may_change": request.user.has_perm(CHANGE),
        "later": "after" in request.GET,
    }
    if trouble is None and answer is None:
        try:
            after = request.GET.get("after", "")
            page = suppressing.page(int(after) if after.isdecimal() and len(after) < 19 else 0)
            context |= {"entries": [_entry(one) for one in page.suppressions], "next": page.next}
        except (CloudUnreachable, CloudRefused) as error:
            trouble = error
    context |= {"trouble": str(trouble or ""), "refused": isinstance(trouble, CloudRefused)}
    status = {type(None): 200, CloudUnreachable: 503}.get(type(trouble), 502)
    return render(request, "jobs/suppressions.html", context, status=status)


def _entry(one: SuppressedAddress) -> Entry:
    return Entry(one.address, LABELS.get(one.reason, one.reason), moment(one.at))


def _added(new: int, known: int) -> str:
    before = f"{known:,} stood there before." if known else ""
    return f"{new:,} address{'' if new == 1 else 'es'} added to the list. {before}".strip()
