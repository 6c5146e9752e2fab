"""The suppression lists: looked at, searched and changed by those who may. Addresses travel in bodies, not in URLs."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accelerator.protocol import SuppressedAddress
from jobs import addressfiles, suppressing
from jobs.client import CloudRefused, CloudUnreachable
from jobs.suppressing import List
from jobs.templatetags.quantities import moment
from jobs.views.loading import Request, SeeOther
from jobs.views.suppression_forms import AddForm, FileForm, FindForm

# What names everybody's list in a query.
EVERYBODY = "everybody"

LABELS = {word: label for word, label, _ in suppressing.REASONS}
WARNINGS = {word: warning for word, _, warning in suppressing.REASONS}


@dataclass(frozen=True)
class Chosen:
    """The list that a page is about, and those there are for the person who asks."""

    one: List
    lists: list[List]

    @property
    def account(self) -> Group | None:
        return self.one.account

    @property
    def word(self) -> str:
        """What names it in a query and in a form."""
        return _word(self.one)

    @property
    def url(self) -> str:
        """Its page. A person's first list needs no query."""
        plain = reverse("suppressions:list")
        return plain if self.one is self.lists[0] else f"{plain}?{urlencode({'list': self.word})}"

    @property
    def choices(self) -> list[tuple[str, Group | None]]:
        return [(_word(one), one.account) for one in self.lists]

    def may_be_changed(self) -> None:
        """Raises PermissionDenied."""
        if not self.one.may_change:
            raise PermissionDenied


@dataclass(frozen=True)
class Entry:
    """A line of a list, with its reason in words; no address where the Cloud keeps none any more."""

    address: str
    why: str
    at: datetime | None


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def suppressions(request: Request) -> HttpResponse:
    """GET shows a list; POST does what `act` says with it."""
    chosen = _chosen(request, (request.POST if request.method == "POST" else request.GET).get("list", ""))
    if request.method != "POST":
        return _page(request, chosen)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        return HttpResponseBadRequest("What is to be done?")
    return act(request, chosen)


@require_safe
def export(request: Request) -> HttpResponse | FileResponse:
    """The list as a CSV file; kept by nobody on the way, for it holds addresses.

    It is begun when it is whole: where an answer breaks off in the middle, a browser would take the rest for the list.
    """
    chosen = _chosen(request, request.GET.get("list", ""))
    entries = suppressing.everything(chosen.account)
    lines = ((one.address, LABELS.get(one.reason, one.reason), one.at) for one in entries)
    file = TemporaryFile()  # noqa: SIM115  the response closes it
    try:
        file.writelines(addressfiles.written(lines))
    except (CloudUnreachable, CloudRefused) as error:
        file.close()
        return _page(request, chosen, trouble=error)
    file.seek(0)
    name = slugify(chosen.account.name) if chosen.account else EVERYBODY
    response = FileResponse(
        file,
        as_attachment=True,
        filename=f"suppressed-{name or chosen.word}.csv",
        content_type="text/csv; charset=utf-8",
    )
    patch_cache_control(response, private=True, no_store=True)
    return response


# --- acts -----------------------------------------------------------------------------------------------


def _find(request: Request, chosen: Chosen) -> HttpResponse:
    form = FindForm(request.POST)
    if not form.is_valid():
        return _page(request, chosen, find=form)
    address = form.cleaned_data["address"]
    try:
        entry = suppressing.find(address, chosen.account)
    except (CloudUnreachable, CloudRefused) as error:
        return _page(request, chosen, find=form, trouble=error)
    answer: dict[str, object] = {
        "address": suppressing.key(address),
        "entry": _entry(entry) if entry else None,
        "changes": suppressing.changes_of(address, chosen.account),
    }
    return _page(request, chosen, find=form, answer=answer)


def _add(request: Request, chosen: Chosen) -> HttpResponse:
    chosen.may_be_changed()
    form = AddForm(request.POST)
    if not form.is_valid():
        return _page(request, chosen, add=form)
    addresses = form.cleaned_data["addresses"]
    try:
        new = suppressing.add(addresses, by=request.user, account=chosen.account)
    except (CloudUnreachable, CloudRefused) as error:
        return _page(request, chosen, add=form, trouble=error)
    known = len(set(addresses)) - new
    messages.success(request, _added(new, known))
    return SeeOther(chosen.url)


def _import(request: Request, chosen: Chosen) -> HttpResponse:
    chosen.may_be_changed()
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, chosen, file=form)
    with closing(addressfiles.read(cast("IO[bytes]", form.cleaned_data["file"].file))) as rows:
        taken = suppressing.take_in(rows, by=request.user, account=chosen.account)
    return _page(request, chosen, taken=taken, trouble=taken.trouble)


def _remove(request: Request, chosen: Chosen) -> HttpResponse:
    """Says first what it means, by the reason that the Cloud has; does it when that was confirmed."""
    chosen.may_be_changed()
    form = FindForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("Which address?")
    address, confirmed = form.cleaned_data["address"], "confirmed" in request.POST
    context: dict[str, object] = {"address": address, "confirmed": confirmed, "chosen": chosen}
    try:
        if confirmed:
            _say_removed(request, suppressing.remove(address, by=request.user, account=chosen.account))
            return SeeOther(chosen.url)
        context["warning"] = _warning(suppressing.find(address, chosen.account))
    except (CloudUnreachable, CloudRefused) as error:
        context["trouble"] = str(error)
    return render(request, f"jobs/suppression_remove.html{'#confirm' if request.htmx else ''}", context)


ACTS: dict[str, Callable[[Request, Chosen], HttpResponse]] = {
    "find": _find,
    "add": _add,
    "import": _import,
    "remove": _remove,
}


def _chosen(request: Request, word: str) -> Chosen:
    """The list of that word, or the first one. Raises PermissionDenied if she has none, Http404 if it is not hers."""
    lists = suppressing.lists(request.user)
    if not lists:
        raise PermissionDenied
    found = [one for one in lists if word in ("", _word(one))]
    if not found:
        raise Http404
    return Chosen(found[0], lists)


def _word(one: List) -> str:
    return one.key or EVERYBODY


# --- what is said ---------------------------------------------------------------------------------------


def _say_removed(request: Request, count: int) -> None:
    if count:
        messages.success(
            request,
            "The address was taken off the list: mailings may contact it again where no other list has it.",
        )
    else:
        messages.info(request, "The address was not on the list.")


def _warning(entry: SuppressedAddress | None) -> str:
    """Empty: the address is not on the list (any more)."""
    if entry is None:
        return ""
    return WARNINGS.get(entry.reason, "If you take it off, the next mailing may contact the address again.")


def _page(
    request: Request,
    chosen: Chosen,
    *,
    find: FindForm | None = None,
    add: AddForm | None = None,
    file: FileForm | None = None,
    answer: dict[str, object] | None = None,
    taken: suppressing.Taken | None = None,
    trouble: Exception | None = None,
) -> HttpResponse:
    """The page, with the list unless something was looked for; where the Cloud can't be asked, why."""
    context: dict[str, object] = {
        "find": find or FindForm(),
        "add": add or AddForm(),
        "file": file or FileForm(),
        "answer": answer,
        "taken": taken,
        "chosen": chosen,
        "may_change": chosen.one.may_change,
        "later": "after" in request.GET,
    }
    if trouble is None and answer is None:
        try:
            after = request.GET.get("after", "")
            position = int(after) if after.isdecimal() and len(after) < 19 else 0
            page = suppressing.page(position, chosen.account)
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
