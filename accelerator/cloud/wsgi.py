"""The Cloud as a WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accelerator.cloud.settings")

django = get_wsgi_application()

from django.conf import settings  # noqa: E402  settings and models can be read now

from accelerator.cloud import front, hits  # noqa: E402

hits.watch()

# As many as the pool has connections, and some that wait for one: less than half of the threads.
application = front.Front(
    django, room=settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"], waiting=20
)
