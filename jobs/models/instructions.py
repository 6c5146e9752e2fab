"""The frozen copy of a Campaign that a Job owns: editing the Campaign never changes a running Job."""

from pydantic import BaseModel, ConfigDict

from accelerator.protocol import Sender, TemplateSource


class AudienceCopy(BaseModel):
    """The Audience as it stood at the launch: one SELECT and its two named columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sql: str
    recipient_id_column: str
    email_column: str


class JobInstructions(BaseModel):
    """Everything a Job must do, but for the Warehouse, whose credentials are never copied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: str
    audience: AudienceCopy
    template: TemplateSource
    sender: Sender
    notification_address: str
    supplemental: dict[str, object] = {}
    rate_per_hour: int | None = None
