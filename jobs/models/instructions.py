"""The frozen copy of a Campaign that a Job owns: editing the Campaign never changes a running Job."""

import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from accelerator.protocol import Sender, TemplateSource


class LaunchValue(BaseModel):
    """What a launch variable of the Audience's SQL stands for in this Job; `value` as a person writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["text", "number", "date", "boolean"]
    value: str

    @property
    def meant(self) -> str | Decimal | datetime.date | bool:
        match self.kind:
            case "number":
                return Decimal(self.value)
            case "date":
                return datetime.date.fromisoformat(self.value)
            case "boolean":
                return self.value == "true"
            case _:
                return self.value


class AudienceCopy(BaseModel):
    """The Audience as it stood at the launch: one SELECT and its two named columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sql: str
    recipient_id_column: str
    email_column: str
    variables: tuple[LaunchValue, ...] = ()
    size: int | None = None  # rows, when it was counted last; for the share that is extracted

    @property
    def values(self) -> dict[str, str | Decimal | datetime.date | bool]:
        """Of the launch variables, by name."""
        return {variable.name: variable.meant for variable in self.variables}


class JobInstructions(BaseModel):
    """Everything a Job must do, but for the Warehouse, whose credentials are never copied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: str
    audience: AudienceCopy
    template: TemplateSource
    sender: Sender
    notification_address: str
    supplemental: dict[str, object] = {}
    # Where Supplemental Data is what a SELECT gives; what it gave stands in `supplemental` from the freeze on.
    supplemental_sql: str = ""
    # Records that the last Job had, or the Audience when it was counted; and by what share (per cent) this one may
    # differ before a person is asked.
    last_size: int | None = None
    most_change: int | None = None
    rate_per_hour: int | None = None
    domain_rates: dict[str, int] = {}
    # Whose suppression list holds, beside everybody's; Jobs of before there were such lists have none.
    account: str = ""
    # The Cloud's service that takes the messages; empty, and of Jobs of before there were such: its mail server.
    service: str = ""
