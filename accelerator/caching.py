"""What caches may keep of our answers: nothing, unless the answer says otherwise. Most of them are about persons."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

View = Callable[[HttpRequest], HttpResponse]


def unkept(get_response: View) -> View:
    """Middleware. What stands around it, as static files do, speaks for itself."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Cache-Control", "private, no-store")
        return response

    return answer
