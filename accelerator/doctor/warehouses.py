"""Each Warehouse: does it let us in and answer a SELECT?"""

from functools import partial

from django.db import Error

from accelerator.doctor import Finding, attention, broken, database, ok
from accelerator.doctor.examination import examine, first_line
from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import WarehouseError

# Seconds; together with the list of them less than the looks may take.
PATIENCE = 5.0


def look() -> list[Finding]:
    """Each by a look of its own: one that hangs hides no other."""
    name = "warehouses"
    if not database.reachable():
        return [broken(name, "Not looked at: they are listed in the database, which can't be reached.")]
    try:
        known = list(Warehouse.objects.order_by("name"))
    except Error as error:
        return [broken(name, f"They are listed in the database, which can't be read: {first_line(error)}.")]
    if not known:
        return [attention(name, "There is none yet: an admin enters one at /admin/.")]
    looks = {_name(warehouse): partial(_look, warehouse) for warehouse in known}
    return list(examine(looks, within=PATIENCE))


def _look(warehouse: Warehouse) -> list[Finding]:
    try:
        warehouses.check(warehouse)
    except WarehouseError as error:
        why = str(error).rstrip(".")
        return [
            broken(
                _name(warehouse), f"{why}. Nothing can be launched from it: mend it, or its entry at /admin/."
            )
        ]
    return [ok(_name(warehouse), f"It answers ({warehouse.get_kind_display()}).")]


def _name(warehouse: Warehouse) -> str:
    return f"warehouse: {warehouse.name}"
