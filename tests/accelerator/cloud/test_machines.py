"""Who opens and clicks: people, and what loads and follows links on its own."""

from ipaddress import ip_network

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from accelerator.cloud import machines

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def is_machine(agent: str | None, method: str = "GET", *, remote: str = "192.0.2.7", **headers: str) -> bool:
    if agent is not None:
        headers["User-Agent"] = agent
    request = RequestFactory().generic(method, "/o/x", headers=headers)
    return machines.is_machine(request.method, request.headers, remote)


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


@pytest.mark.parametrize(
    "address", ["40.93.1.2", "104.47.127.255", "::ffff:52.101.0.1", "2a01:111:f403::7", "209.222.82.9"]
)
def test_in_some_networks_nobody_reads_mail(address: str) -> None:
    assert is_machine(BROWSER, remote=address)


@pytest.mark.parametrize(
    "address", ["40.94.0.1", "192.0.2.7", "2a01:111:f402::7", "", "unix:", "fe80::1%eth0"]
)
def test_elsewhere_people_do(address: str) -> None:
    assert not is_machine(BROWSER, remote=address)


def test_an_admin_may_name_others(settings: Settings) -> None:
    settings.MACHINE_NETWORKS = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
    assert is_machine(BROWSER, remote="192.0.2.7")
    assert is_machine(BROWSER, remote="2001:db8::9")
    assert not is_machine(BROWSER, remote="192.0.3.7")


def test_behind_a_proxy_it_is_the_proxy_that_says_who_asks(settings: Settings) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.8, 40.93.1.2"}
    assert not is_machine(BROWSER, **forwarded)  # anybody can write that
    settings.CLOUD_BEHIND_PROXY = True
    assert is_machine(BROWSER, **forwarded)
    assert not is_machine(BROWSER, **{"X-Forwarded-For": "40.93.1.2, 192.0.2.8"})
    assert is_machine(BROWSER, remote="40.93.1.2")
