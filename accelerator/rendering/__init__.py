"""Compile a Template and render a record: the same code for previews, the check before the freeze, and the Cloud.

Templates are minijinja (the syntax of Jinja2 without access to Python). A record's columns are the template's
variables; Supplemental Data is `supplemental`, the unsubscribe page `unsubscribe_url`. A NULL counts as missing:
printing it is an error for that recipient, `{{ first_name|default("there") }}` says what to print instead. A decimal
is a number that is written as the warehouse writes it (`decimals`).

A Template that nests, or takes memory or time, without measure ends the process that renders it. So that is one of
its own (`child`, the only one with the `engine`), kept by each process of ours (`children`), and replaced when it died.
`Compiled` hands each finished href to whoever renders with `link`, the Cloud, and adds what nobody sees for a `Message`
that has it; else the Template is rendered as it was written.
"""

from accelerator.rendering.children import NoChild
from accelerator.rendering.compiled import Compiled, compile_template
from accelerator.rendering.decimals import shown
from accelerator.rendering.values import (
    BUILT_IN,
    PARTS,
    Frozen,
    Link,
    Message,
    Rendered,
    RenderError,
    TemplateInvalid,
    frozen,
    plain,
)

__all__ = [
    "BUILT_IN",
    "PARTS",
    "Compiled",
    "Frozen",
    "Link",
    "Message",
    "NoChild",
    "RenderError",
    "Rendered",
    "TemplateInvalid",
    "compile_template",
    "frozen",
    "plain",
    "shown",
]
