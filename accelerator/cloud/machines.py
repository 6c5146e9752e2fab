"""Which hits of links are machines': proxies that load what nobody looks at, and scanners that follow every link.

Scanners that look like any browser, as some of Microsoft's and Proofpoint's do, cannot be told from people here.
"""

import functools
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Network = IPv4Network | IPv6Network

PERSON, MACHINE = False, True

# The first rule that fits the user agent decides; where none does it is a person.
RULES = [
    (re.compile(pattern, re.IGNORECASE), who)
    for pattern, who in (
        # Apple Mail Privacy Protection: loads every image some time after delivery, whether the mail is opened or
        # not, and says no more of itself than this.
        (r"^Mozilla/5\.0$", MACHINE),
        # Gmail: loads an image when somebody opens the mail. "... (via ggpht.com GoogleImageProxy)"
        (r"GoogleImageProxy", PERSON),
        # Yahoo Mail and AOL: the same. "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
        (r"YahooMailProxy", PERSON),
        # A maker of telephones whose name ends in "bot": "Mozilla/5.0 (Linux; Android 13; CUBOT P80) ..."
        (r"\bCUBOT\b", PERSON),
        # Mail gateways that look at links and images before the mail is delivered.
        (r"Barracuda|Proofpoint|Mimecast|MessageLabs|FireEye|TrendMicro|Sophos", MACHINE),
        # Whatever says so itself: Googlebot, Slackbot-LinkExpanding, BingPreview, SkypeUriPreview, CensysInspect.
        (r"bot(?![a-z])|crawl|spider|preview|scan(?:ner)?\b|inspect", MACHINE),
        # Chats that show what a link leads to.
        (r"facebookexternalhit|^WhatsApp/|vkShare|Embedly|Iframely", MACHINE),
        # Microsoft Office: asks whether a link in a document is a file before it opens it.
        (r"Microsoft Office (?:Existence|Protocol) Discovery", MACHINE),
        # Browsers that nobody sits at.
        (r"HeadlessChrome|PhantomJS", MACHINE),
        # Programs. Not okhttp and Dalvik, with which mail programs on Android load images.
        (
            r"^(?:curl|Wget|python|libwww-perl|Go-http-client|Java|Apache-HttpClient|axios|node|Ruby)\b",
            MACHINE,
        ),
    )
]

# What browsers and mail programs say when they load a link that nobody followed yet.
AHEAD = re.compile("prefetch|prerender|preview", re.IGNORECASE)
AHEAD_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


# Networks in which mail is looked through and nobody reads it. MACHINE_NETWORKS adds others.
NETWORKS = tuple(
    map(
        ip_network,
        (
            # Microsoft Exchange Online Protection: learn.microsoft.com, "Office 365 URLs and IP address ranges", id 10.
            "40.92.0.0/15",
            "40.107.0.0/16",
            "52.100.0.0/14",
            "104.47.0.0/17",
            "2a01:111:f400::/48",
            "2a01:111:f403::/48",
            # Barracuda Email Gateway Defense, in the United States: campus.barracuda.com/product/emailgatewaydefense/
            "209.222.80.0/21",
        ),
    )
)


def is_machine(method: str | None, headers: Mapping[str, str], remote: str) -> bool:
    """Whether a request was made without a person who opens or clicks; `headers` find names in any case. `remote` is
    the address of whoever connected.
    """
    if _is_of_machines(_address(headers, remote), tuple(settings.MACHINE_NETWORKS)):
        return MACHINE
    agent = headers.get("User-Agent", "").strip()
    if method == "HEAD" or not agent or any(AHEAD.search(headers.get(name, "")) for name in AHEAD_HEADERS):
        return MACHINE
    return next((who for pattern, who in RULES if pattern.search(agent)), PERSON)


def _address(headers: Mapping[str, str], remote: str) -> str:
    """Of whoever asked: the last that a proxy of ours has seen, whatever stands before it."""
    forwarded = headers.get("X-Forwarded-For", "") if settings.CLOUD_BEHIND_PROXY else ""
    return forwarded.rpartition(",")[2].strip() or remote


# Those who ask ask often.
@functools.lru_cache(maxsize=4_096)
def _is_of_machines(address: str, more: tuple[Network, ...]) -> bool:
    try:
        asking = ip_address(address)
    except ValueError:
        return False
    if isinstance(asking, IPv6Address) and asking.ipv4_mapped:
        asking = asking.ipv4_mapped
    return any(asking in network for network in NETWORKS + more)
