"""Settings of a service that refer to a file, in which a secret lies apart from the environment. Needs no anymail."""

from pathlib import Path

from accelerator.cloud.services.definitions import Definition
from accelerator.cloud.services.unusable import Unusable

REFERENCE = "file:"


def resolved(definition: Definition, value: object) -> object:
    """The text of the file that a setting refers to, or the setting itself. Raises Unusable."""
    if not isinstance(value, str) or not value.startswith(REFERENCE):
        return value
    path = Path(value.removeprefix(REFERENCE))
    try:
        return path.read_text().strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise Unusable(
            definition.name, f"the file {path}, which one of its settings names, can't be read ({why})"
        ) from None
