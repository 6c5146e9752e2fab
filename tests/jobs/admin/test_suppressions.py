"""Who changed the suppression list is looked at, and who may see it is granted here."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.models import SuppressionChange
from tests.jobs import cast


def test_changes_of_the_suppression_list_are_history_without_addresses(dora: Client, admin: User) -> None:
    change = SuppressionChange.objects.create(by=admin, act="removed", digests=["ab" * 16], count=1)
    assert (
        "removed from the list"
        in dora.get(reverse("admin:jobs_suppressionchange_changelist")).content.decode()
    )
    page = reverse("admin:jobs_suppressionchange_change", args=[change.pk])
    assert "ab" * 16 in dora.get(page).content.decode()
    assert dora.post(page, {"count": "5"}).status_code == 403
    assert (
        dora.post(
            reverse("admin:jobs_suppressionchange_delete", args=[change.pk]), {"post": "yes"}
        ).status_code
        == 403
    )


def test_the_suppression_list_is_neither_added_to_nor_deleted_from_here(dora: Client) -> None:
    assert dora.get(reverse("admin:jobs_suppression_add")).status_code == 403


def test_people_and_groups_are_managed_and_no_password_is_shown(dora: Client, alice: User) -> None:
    page = dora.get(reverse("admin:auth_user_change", args=[alice.pk])).content.decode()
    assert alice.password not in page
    assert alice.password.rpartition("$")[2] not in page
    assert dora.get(reverse("admin:auth_user_changelist")).status_code == 200
    group = reverse("admin:auth_group_change", args=[cast.account().pk])
    assert "Can view suppressed address" in dora.get(group).content.decode()
