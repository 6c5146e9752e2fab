"""What is looked at in the admin, and never written."""

# ruff: noqa: ARG002 - the arguments are the admin's

from django.db.models import Model
from django.http import HttpRequest


class ReadOnly:
    """History and machinery: nobody adds, changes or deletes it by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
