"""Which hits of links are machines': proxies that load what nobody looks at, and scanners that follow every link.

Scanners that look like any browser, as some of Microsoft's and Proofpoint's do, cannot be told from people here.
"""

import re
from collections.abc import Mapping

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


def is_machine(method: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request was made without a person who opens or clicks; `headers` find names in any case."""
    agent = headers.get("User-Agent", "").strip()
    if method == "HEAD" or not agent or any(AHEAD.search(headers.get(name, "")) for name in AHEAD_HEADERS):
        return MACHINE
    return next((who for pattern, who in RULES if pattern.search(agent)), PERSON)
