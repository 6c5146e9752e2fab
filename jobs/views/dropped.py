"""The list of the rows that became no record, to be taken away and mended: from the spool, as long as it is kept."""

import uuid

from django.http import FileResponse, Http404
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from jobs import spool
from jobs.views.loading import Request, job_visible_to


@require_safe
def dropped(request: Request, pk: uuid.UUID) -> FileResponse:
    """The file, piece by piece; kept by nobody on the way, for it holds addresses. Not found where there is none."""
    job = job_visible_to(request.user, pk)
    file = spool.open_dropped(job.dropped_file) if job.dropped_file else None
    if file is None:
        raise Http404
    response = FileResponse(
        file, as_attachment=True, filename=f"dropped-{job.pk}.csv", content_type="text/csv; charset=utf-8"
    )
    patch_cache_control(response, private=True, no_store=True)
    return response
