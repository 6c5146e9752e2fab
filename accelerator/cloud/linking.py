"""Says the paths of links in the mails of a mailing, a line each, as the Cloud writes them:

    DJANGO_SETTINGS_MODULE=accelerator.cloud.settings python -m accelerator.cloud.linking KEY NUMBER

Nothing but a benchmark runs it. Of five, two are pixels and three clicks; they go round all recipients.
"""

import sys
import uuid
from collections.abc import Iterator
from itertools import cycle, islice

import django

TARGET = "https://shop.example/offers/{number}?from=newsletter"


def main(key: uuid.UUID) -> Iterator[str]:
    """Endless."""
    from accelerator.cloud import links
    from accelerator.cloud.models import Batch

    batches = list(Batch.objects.filter(mailing_id=key).order_by("number"))
    recipients = ((batch.pk, position) for batch in batches for position in range(batch.records))
    for number, recipient in enumerate(cycle(recipients)):
        own = links.Links(*recipient)
        url = own.open_url if number % 5 < 2 else own.click(number % 7, TARGET.format(number=number % 7))
        yield "/" + url.split("/", 3)[3]


if __name__ == "__main__":
    django.setup()
    for path in islice(main(uuid.UUID(sys.argv[1])), int(sys.argv[2])):
        print(path)  # noqa: T201
