"""Who gets which answer from which address of the dashboard: every address is a row here, a new one too."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from tests.jobs.cast import SQL
from tests.security.world import World

# A status; or the way to the login.
LOGIN = "login"
Answer = int | str
# By role, in the order of world.ROLES: anonymous, other account, support, marketer, admin.
Answers = tuple[Answer, Answer, Answer, Answer, Answer]


def everybody(answer: int) -> Answers:
    return (answer, answer, answer, answer, answer)


def people(answer: int) -> Answers:
    """Whoever is logged in."""
    return (LOGIN, answer, answer, answer, answer)


def planners(answer: int) -> Answers:
    """Whoever has an account, for that account; Sam of support has none and is told so on the page."""
    return (LOGIN, answer, 200, answer, answer)


def account(answer: int) -> Answers:
    """The people of the account that it belongs to."""
    return (LOGIN, 404, 404, answer, answer)


def watchers(answer: int) -> Answers:
    """The people of the Job's account, and support."""
    return (LOGIN, 404, answer, answer, answer)


def members(answer: int) -> Answers:
    """Whoever has an account or the permission."""
    return (LOGIN, answer, 403, answer, answer)


def permitted(answer: int, stranger: int) -> Answers:
    """Whoever has a permission that only the admin has here; `stranger`: who does not even see it."""
    return (LOGIN, stranger, 403, 403, answer)


def admins(answer: int) -> Answers:
    return (LOGIN, LOGIN, LOGIN, LOGIN, answer)


def nothing(_: World) -> dict[str, object]:
    return {}


@dataclass(frozen=True)
class Row:
    """An address as the resolver has it, and its answers; None: the method is not offered.

    `names` is what of the world stands in the address; `body` is posted, and does something wherever it may.
    """

    route: str
    get: Answers | None = None
    post: Answers | None = None
    names: Callable[[World], tuple[object, ...]] = lambda _: ()
    body: Callable[[World], dict[str, object]] = nothing


# --- bodies ---------------------------------------------------------------------------------------------


def campaign(world: World) -> dict[str, object]:
    return {"name": "Changed", "account": world.account.pk, "notification_address": "a@northwind.example"}


def audience(world: World) -> dict[str, object]:
    form = {"name": "Changed", "sql": SQL, "recipient_id_column": "id", "email_column": "email"}
    return {**form, "warehouse": world.warehouse.pk, "account": world.account.pk}


def template(world: World) -> dict[str, object]:
    return {"name": "Changed", "account": world.account.pk, "subject": "s", "html": "<p>x</p>", "text": "t"}


def profile(world: World) -> dict[str, object]:
    form = {"name": "Changed", "from_name": "Shop", "from_address": "news@northwind.example"}
    return {**form, "account": world.account.pk}


def draft(world: World) -> dict[str, object]:
    """For Alice's Campaign, whose recipients the others must not see."""
    return {**template(world), "for": f"campaign-{world.campaign.pk}"}


def token(_: World) -> dict[str, object]:
    return {"token": uuid.uuid4()}


def cancel(world: World) -> dict[str, object]:
    return {"wish": "cancel", "seen": world.job.version, "why": "because"}


def size(_: World) -> dict[str, object]:
    return {"size": 2}


def pause(_: World) -> dict[str, object]:
    return {"token": uuid.uuid4(), "why": "because"}


def rate(_: World) -> dict[str, object]:
    return {"seen": 0, "rate_per_hour": 100}


def release(_: World) -> dict[str, object]:
    return {"act": uuid.uuid4(), "number": 1, "why": "because"}


def find(_: World) -> dict[str, object]:
    return {"act": "find", "address": "ann@example.com"}


def confirmed(_: World) -> dict[str, object]:
    return {"post": "yes"}


# --- the admin ------------------------------------------------------------------------------------------


def model(
    name: str, names: Callable[[World], tuple[object, ...]], *, frozen: bool = False
) -> tuple[Row, ...]:
    """The addresses of one model: superusers alone; what is `frozen` is looked at and never written."""
    one, write = f"admin/{name}/<path:object_id>/", 403 if frozen else 200
    return (
        Row(f"admin/{name}/", admins(200), admins(200)),
        Row(f"admin/{name}/add/", admins(write), admins(write)),
        Row(f"{one}change/", admins(200), admins(write), names),
        Row(f"{one}delete/", admins(write), admins(write), names, confirmed),
        Row(f"{one}history/", admins(200), admins(200), names),
        Row(one, admins(302), admins(302), names),
    )


TABLE = (
    Row("", people(302), people(302)),
    Row("login/", (200, 302, 302, 302, 302), (200, 302, 302, 302, 302)),
    Row("logout/", post=people(302)),
    Row("healthz", everybody(200)),
    Row("readyz", everybody(503)),  # no sweep runs here
    Row("metrics", everybody(401)),  # they ask for a token of their own
    Row("campaigns/", people(200)),
    Row("campaigns/new/", people(200), planners(303), body=campaign),
    Row("campaigns/<int:pk>/", account(200), None, lambda w: (w.campaign.pk,)),
    Row("campaigns/<int:pk>/edit/", account(200), account(303), lambda w: (w.campaign.pk,), campaign),
    Row("campaigns/<int:pk>/launch/", account(200), account(303), lambda w: (w.campaign.pk,), token),
    Row("campaigns/audiences/", people(200)),
    Row("campaigns/audiences/new/", people(200), planners(303), body=audience),
    Row("campaigns/audiences/<int:pk>/", account(200), account(303), lambda w: (w.audience.pk,), audience),
    Row("campaigns/audiences/<int:pk>/count/", None, account(303), lambda w: (w.audience.pk,)),
    Row("campaigns/templates/", people(200)),
    Row("campaigns/templates/new/", people(200), planners(303), body=template),
    Row("campaigns/templates/draft/", None, account(200), body=draft),
    Row("campaigns/templates/reading/", None, account(200), body=draft),
    Row("campaigns/templates/<int:pk>/", account(200), account(303), lambda w: (w.template.pk,), template),
    Row("campaigns/templates/<int:pk>/preview/", account(200), None, lambda w: (w.template.pk,)),
    Row("campaigns/sending-profiles/", people(200)),
    Row("campaigns/sending-profiles/new/", people(200), planners(303), body=profile),
    Row(
        "campaigns/sending-profiles/<int:pk>/", account(200), account(303), lambda w: (w.profile.pk,), profile
    ),
    Row("jobs/", people(200)),
    Row("jobs/pause-everything/", permitted(200, 403), permitted(303, 403), body=pause),
    Row("jobs/<uuid:pk>/", watchers(200), None, lambda w: (w.job.pk,)),
    Row("jobs/<uuid:pk>/ask/", None, watchers(303), lambda w: (w.job.pk,), cancel),
    Row("jobs/<uuid:pk>/cancel/", watchers(200), None, lambda w: (w.job.pk,)),
    Row("jobs/<uuid:pk>/size/", None, watchers(303), lambda w: (w.waiting.pk,), size),
    Row("jobs/<uuid:pk>/dropped/", watchers(200), None, lambda w: (w.waiting.pk,)),
    Row("jobs/<uuid:pk>/rate/", watchers(200), watchers(303), lambda w: (w.job.pk,), rate),
    Row("jobs/<uuid:pk>/unknowns/", permitted(200, 404), permitted(409, 404), lambda w: (w.job.pk,), release),
    Row("jobs/<uuid:pk>/delete/", watchers(200), watchers(303), lambda w: (w.rested.pk,)),
    Row("jobs/<uuid:pk>/curve/", watchers(200), None, lambda w: (w.job.pk,)),
    Row("jobs/<uuid:pk>/timeline/", watchers(200), None, lambda w: (w.job.pk,)),
    Row(
        "jobs/<uuid:pk>/recipients/<slug:outcome>/", watchers(200), None, lambda w: (w.rested.pk, "not_sent")
    ),
    Row("suppressions/", members(503), members(503), body=find),  # the Cloud is away here
    Row("suppressions/export/", members(503)),
    Row("admin/", admins(200), admins(200)),
    Row("admin/login/", (200, 200, 200, 200, 302), (200, 200, 200, 200, 200)),
    Row(
        "admin/logout/", None, (LOGIN, 302, 302, 302, 302)
    ),  # whoever is no admin is led away, still logged in
    Row("admin/password_change/", admins(200), admins(200)),
    Row("admin/password_change/done/", admins(200)),
    Row("admin/autocomplete/", admins(403)),
    Row("admin/jsi18n/", admins(200)),
    Row(
        "admin/r/<path:content_type_id>/<path:object_id>/",
        admins(302),
        admins(302),
        lambda w: (w.kind.pk, w.campaign.pk),
    ),
    Row("admin/^(?P<app_label>campaigns|jobs|auth)/$", admins(200), admins(200), lambda _: ("jobs/",)),
    Row("admin/(?P<url>.*)$", admins(404), admins(404), lambda _: ("nowhere",)),
    Row("admin/auth/user/<id>/password/", admins(200), admins(200), lambda w: (w.people["marketer"].pk,)),
    *model("auth/group", lambda w: (w.account.pk,)),
    *model("auth/user", lambda w: (w.people["marketer"].pk,)),
    *model("campaigns/audience", lambda w: (w.audience.pk,)),
    *model("campaigns/campaign", lambda w: (w.campaign.pk,)),
    *model("campaigns/launch", lambda w: (w.launch.pk,), frozen=True),
    *model("campaigns/sendingprofile", lambda w: (w.profile.pk,)),
    *model("campaigns/template", lambda w: (w.template.pk,)),
    *model("jobs/generalpause", lambda w: (w.general.pk,), frozen=True),
    *model("jobs/job", lambda w: (w.job.pk,), frozen=True),
    *model("jobs/notice", lambda w: (w.notice.pk,), frozen=True),
    *model("jobs/pulse", lambda w: (w.pulse.pk,), frozen=True),
    *model("jobs/step", lambda w: (w.step.pk,), frozen=True),
    # The suppression list has no table: its entry leads to its page, and what names one of its rows to the start.
    Row("admin/jobs/suppression/", admins(302), admins(302)),
    Row("admin/jobs/suppression/add/", admins(403), admins(403)),
    Row("admin/jobs/suppression/<path:object_id>/", admins(302), admins(302), lambda _: (1,)),
    *(
        Row(f"admin/jobs/suppression/<path:object_id>/{last}/", admins(302), admins(302), lambda _: (1,))
        for last in ("change", "delete", "history")
    ),
    *model("jobs/suppressionchange", lambda w: (w.change.pk,), frozen=True),
    *model("jobs/warehouse", lambda w: (w.warehouse.pk,)),
    Row("admin/jobs/warehouse/connectors/", admins(200), admins(200)),
    Row("admin/jobs/warehouse/connectors/<slug:kind>/", admins(200), admins(200), lambda _: ("duckdb",)),
    Row("admin/jobs/warehouse/<path:object_id>/test/", None, admins(200), lambda w: (w.warehouse.pk,)),
)
