"""What a browser may do with an answer of the Cloud: nothing. The pages behind links have a policy of their own."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

View = Callable[[HttpRequest], HttpResponse]

NOTHING = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"


def strict(get_response: View) -> View:
    """Middleware. An answer that names its policy keeps it."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", NOTHING)
        return response

    return answer
