"""Who opens and clicks: people, and what loads and follows links on its own."""

import pytest
from django.test import RequestFactory

from accelerator.cloud import machines


def is_machine(agent: str | None, method: str = "GET", **headers: str) -> bool:
    if agent is not None:
        headers["User-Agent"] = agent
    request = RequestFactory().generic(method, "/o/x", headers=headers)
    return machines.is_machine(request.method, request.headers)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "okhttp/4.12.0",
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A)",
        "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile",
        # Proxies that load an image when somebody opens the mail.
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ],
)
def test_these_are_people(agent: str) -> None:
    assert not is_machine(agent)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        "  ",
        "Mozilla/5.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.24.20 A",
        "Barracuda Sentinel (EE)",
        "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
        "Mimecast-URL-Protect/1.0",
        "SomeCrawler/1.0",
        "BaiDuSpider",
        "Link Scanner 2",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0",
        "Microsoft Office Existence Discovery",
        "curl/8.5.0",
        "Wget/1.21",
        "python-requests/2.32",
        "Python-urllib/3.11",
        "Go-http-client/2.0",
    ],
)
def test_these_are_machines(agent: str | None) -> None:
    assert is_machine(agent)


def test_whoever_only_asks_for_headers_is_a_machine() -> None:
    assert is_machine("Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", method="HEAD")


@pytest.mark.parametrize(
    ("header", "value"),
    [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")],
)
def test_a_browser_that_loads_ahead_is_a_machine(header: str, value: str) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
    assert is_machine(agent, **{header: value})
    assert not is_machine(agent, **{header: "navigate"})
