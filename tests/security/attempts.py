"""What a Template might try: to get out of its sandbox, to take all memory or time, to write headers or markup."""

from dataclasses import dataclass

# How it must end. ENDS: in any way that is none of a failure of ours, within the limits.
INVALID, FAILS, MAKES, ENDS = "invalid", "failed", "made", "ends"

# What is said of a Template, or of one record, that ended the process that renders it.
TOO_MUCH = "it takes more memory or time than one message may, or it is nested too deeply"


@dataclass(frozen=True)
class Parts:
    """A Template, of which an attempt writes one part."""

    subject: str = "s"
    html: str = "<p>h</p>"
    text: str = "t"


@dataclass(frozen=True)
class Attempt:
    """A name, a Template, and how it must end: `words` are in the refusal, or are the whole part that is made."""

    name: str
    source: str
    end: str
    words: str = ""
    part: str = "html"

    @property
    def parts(self) -> Parts:
        return Parts(**{self.part: self.source})


def doubling(value: str, doubled: str, times: int = 60) -> str:
    return (
        f"{{% set ns = namespace(x={value}) %}}{{% for i in range({times}) %}}{{% set ns.x = {doubled} %}}"
        "{% endfor %}{{ ns.x|length }}"
    )


OUT_OF_THE_SANDBOX = (
    Attempt("the class of a text", "{{ name.__class__ }}", FAILS, "missing or empty"),
    Attempt("the class of a literal", "{{ ''.__class__.__mro__[1].__subclasses__() }}", FAILS, "missing"),
    Attempt("a class as an item", "{{ ''['__class__'] }}", FAILS, "missing or empty"),
    Attempt("a class by a built name", "{{ name['__cl' ~ 'ass__'] }}", FAILS, "missing or empty"),
    Attempt("the class of a list", "{{ xs.__class__ }}", FAILS, "missing or empty"),
    Attempt("the class of Supplemental Data", "{{ supplemental.__class__ }}", FAILS, "missing or empty"),
    Attempt("its globals", "{{ supplemental.get.__self__.__class__ }}", FAILS, "missing or empty"),
    Attempt("a class by attr", "{{ name|attr('__class__') }}", FAILS, "undefined"),
    Attempt("classes by map and attr", "{{ [name]|map('attr', '__class__')|list }}", MAKES, "[undefined]"),
    Attempt("classes by map of an attribute", "{{ xs|map(attribute='__class__')|first }}", FAILS, ""),
    Attempt("classes by selectattr", "{{ xs|selectattr('__class__')|list }}", MAKES, "[]"),
    Attempt(
        "the globals of cycler", "{{ cycler.__init__.__globals__.os.popen('id').read() }}", FAILS, "missing"
    ),
    Attempt("the globals of joiner", "{{ joiner.__init__.__globals__ }}", FAILS, "missing or empty"),
    Attempt("the globals of namespace", "{{ namespace.__init__.__globals__ }}", FAILS, "missing or empty"),
    Attempt("the module of range", "{{ range.__self__ }}", FAILS, "missing or empty"),
    Attempt("the subclasses of dict", "{{ dict.__subclasses__() }}", FAILS, ""),
    Attempt(
        "the inside of a loop", "{% for x in xs %}{{ loop.__class__ }}{% endfor %}", FAILS, "missing or empty"
    ),
    Attempt(
        "the globals of a macro",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        FAILS,
        "missing or empty",
    ),
    Attempt("a method of a text", "{{ name.upper() }}", FAILS, "no method"),
    Attempt("format of a text", "{{ '{0.__class__}'.format(name) }}", FAILS, "no method"),
    Attempt("format as a filter", "{{ '{0.__class__}'|format(name) }}", MAKES, "{0.__class__}"),
    Attempt("format by name", "{{ '%(a.__class__)s'|format(a=name) }}", FAILS, ""),
    Attempt("format by a star", "{{ '%*d'|format(10, 1) }}", FAILS, "format"),
    Attempt(
        "what other engines know",
        "{{ lipsum.__globals__ }}{{ config }}{{ request }}",
        FAILS,
        "missing or empty",
    ),
    Attempt("itself", "{{ self.__class__ }}", FAILS, "missing or empty"),
    Attempt("import of Python", "{{ __import__('os') }}", FAILS, "unknown"),
    Attempt("open and eval", "{{ open('/etc/passwd') }}{{ eval('1') }}", FAILS, "unknown"),
    Attempt("a file", "{% include '/etc/passwd' %}", FAILS, "non-existing"),
    Attempt("a file of ours", "{% include '../accelerator/settings.py' %}", FAILS, "non-existing"),
    Attempt("a file named by data", "{% include name %}", FAILS, "non-existing"),
    Attempt("a file that may be missing", "{% include ['/etc/passwd', name] ignore missing %}", MAKES, ""),
    Attempt("another part", "{% include 'text' %}", MAKES, "t"),
    Attempt("a module", "{% import 'os' as os %}{{ os.environ }}", FAILS, "non-existing"),
    Attempt(
        "a name of another part", "{% from 'text' import secret %}{{ secret }}", FAILS, "missing or empty"
    ),
    Attempt("another part as its base", "{% extends 'subject' %}", MAKES, "s"),
    Attempt("a file as its base", "{% extends '../../manage.py' %}", FAILS, "does not exist"),
    Attempt("a statement in data", "{{ statement }}", MAKES, "{{ 7 * 7 }}{% include &#x27;text&#x27; %}"),
    Attempt("what is undefined", "{{ nobody.anything }}", FAILS, '"nobody" is missing'),
    Attempt("the settings", "{{ settings.SECRET_KEY }}", FAILS, "missing or empty"),
    Attempt("to change Supplemental Data", "{{ supplemental.update({'season': name}) }}", FAILS),
    Attempt("to take from it", "{{ supplemental.pop('season') }}", FAILS),
    Attempt("to empty it", "{{ supplemental.clear() }}", FAILS),
    Attempt("to put into a list of it", "{{ supplemental.list.append(name) }}", FAILS),
    Attempt("a method of Python called wrongly", "{{ supplemental.get() }}", FAILS),
    Attempt("to assign to it", "{% set supplemental.season = name %}", FAILS, "assign"),
)

# What it might do to a link that it has in its hands, marked as it is when it is sent.
LINK = "{% set x %}<a href='https://shop.example'>{% endset %}"
AT_THE_MARKERS = (
    Attempt("the HTML with markers", "{% include 'html, 1' %}<a href=x>", FAILS, "non-existing"),
    Attempt("a link cut off", LINK + "{{ x[:20] }}", ENDS),
    Attempt("a link without a beginning", LINK + "{{ x[20:] }}", ENDS),
    Attempt("a link reversed", LINK + "{{ x|reverse }}", ENDS),
    Attempt("a link in upper case", LINK + "{{ x|upper }}", ENDS),
    Attempt("a link of no such number", LINK + "{{ x|replace('x0', 'x1') }}", ENDS),
    Attempt("a link of a huge number", LINK + "{{ x|replace('x0', 'x' ~ '9' * 10000) }}", ENDS),
    Attempt("a link that ends twice", LINK + "{{ x|replace('e', 'ee') }}{{ x[-10:] }}", ENDS),
    Attempt("links in links", LINK + "<a href='{{ x }}'>" * 1_000, ENDS),
    Attempt(
        "a link printed without measure",
        LINK + "{% for a in range(99999) %}{{ x }}{% endfor %}",
        FAILS,
        "more than 1,000,000 characters",
    ),
    Attempt(
        "links of any length",
        "{% for a in range(99) %}<a href='{{ 'b' * 10**7 }}'>{% endfor %}",
        FAILS,
    ),
    Attempt("what looks like a marker", "lK12345678901234567890x0Zq<a href=x>", ENDS),
)

EXHAUSTING = (
    Attempt(
        "loops in loops",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        FAILS,
        "too many steps",
    ),
    Attempt("a long loop", "{% for a in range(10**9) %}{% endfor %}", FAILS, "too many elements"),
    Attempt("a long list", "{{ range(huge)|list }}", FAILS, "too many elements"),
    Attempt("a range of no step", "{{ range(0, 10, 0) }}", FAILS, "step of 0"),
    Attempt(
        "a macro that calls itself",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        FAILS,
        "recursion limit",
    ),
    Attempt(
        "macros that call each other",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        FAILS,
        "recursion limit",
    ),
    Attempt(
        "a caller that calls",
        "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{{ f() }}{% endcall %}",
        FAILS,
    ),
    Attempt(
        "a loop into itself",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        FAILS,
        "recursion limit",
    ),
    Attempt("a block in itself", "{% block a %}{{ self.a() }}{% endblock %}", FAILS, "recursion limit"),
    Attempt("a part in itself", "{% include 'html' %}", FAILS, "error in"),
    Attempt("itself as its base", "{% extends 'html' %}", FAILS, "more than once"),
    Attempt("a long text", "{{ 'a' * 10**8 }}", FAILS, "more than 1,000,000 characters"),
    Attempt("a longer text", "{{ 'a' * huge }}", FAILS, "too large"),
    Attempt("a text of negative length", "{{ 'a' * -1 }}", FAILS, ""),
    Attempt("many lists", "{{ ([0] * 10**6) * 10**6 }}", FAILS, "too large"),
    Attempt("large powers", "{{ 10 ** 10 ** 6 }}", FAILS, "unable to calculate"),
    Attempt("large products", "{{ 2**100 * 2**100 }}", FAILS, "unable to calculate"),
    Attempt("division by zero", "{{ 1 / 0 }}{{ 1 // 0 }}{{ 1 % 0 }}", FAILS, "unable to calculate"),
    Attempt("the least number", "{{ (-2**127)|abs }}", FAILS),
    Attempt("a filter on a large number", "{{ (10**37)|filesizeformat }}{{ (10**37)|string|length }}", ENDS),
    Attempt("rounding far", "{{ 1.5|round(10**9) }}", ENDS),
    Attempt("a large sum", "{{ [10**37]|sum(start=10**37) }}", ENDS),
    Attempt("nested parentheses", "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", INVALID, "recursion"),
    Attempt("nested lists", "{{ " + "[" * 5_000 + "1" + "]" * 5_000 + " }}", INVALID, "recursion"),
    Attempt("nested maps", "{{ " + "{'a': " * 5_000 + "1" + "}" * 5_000 + " }}", INVALID, "recursion"),
    Attempt("nested conditions", "{% if true %}" * 5_000 + "x" + "{% endif %}" * 5_000, INVALID, "recursion"),
    Attempt("nested loops", "{% for a in xs %}" * 5_000 + "x" + "{% endfor %}" * 5_000, INVALID, "recursion"),
    Attempt("nested choices", "{{ " + "1 if 1 else " * 5_000 + "2 }}", MAKES, "1"),
    Attempt("many choices", "{{ " + "1 if 1 else " * 80_000 + "2 }}", ENDS),
    Attempt("a huge number", "{{ " + "9" * 900_000 + " }}", INVALID, "too large"),
    Attempt("a huge name", "{{ " + "a" * 900_000 + " }}", FAILS, "missing or empty"),
    Attempt("a huge filter", "{{ n|" + "a" * 900_000 + " }}", ENDS),
    Attempt("a huge file", "{% include '" + "a" * 900_000 + "' %}", FAILS),
    Attempt("a huge literal", "{{ '" + "a" * 900_000 + "'|length }}", MAKES, "900000"),
    Attempt("many tags", "<a href=x><b " * 60_000, ENDS),
    Attempt("many comments", "{# x #}<!--" * 60_000, ENDS),
    Attempt("many quotes", "<a href='\"" * 60_000, ENDS),
    Attempt("many bodies", "</body>" * 60_000, ENDS),
    Attempt("many unclosed references", "<a href='" + "&a" * 300_000 + "'>", ENDS),
    Attempt(
        "a wide output",
        "{% for a in range(99999) %}" + "x" * 900 + "{% endfor %}",
        FAILS,
        "more than 1,000,000 characters",
    ),
    Attempt("a wider output", "{% for a in range(99999) %}" + "x" * 90_000 + "{% endfor %}", FAILS),
    Attempt(
        "a text replaced by longer ones",
        "{{ 'a'|replace('a', 'a' * 1000)|replace('a', 'a' * 10**7) }}",
        FAILS,
    ),
    Attempt("nothing replaced by something", "{{ ('a' * 10**6)|replace('', 'a' * 1000) }}", FAILS),
    Attempt("a long joint", "{{ range(99999)|join('a' * 99999) }}", FAILS),
    Attempt("a deep indent", "{{ 'a\na'|indent(huge) }}", FAILS),
    Attempt("a deep indent of JSON", "{{ [1]|tojson(indent=huge) }}", FAILS),
    Attempt("a wide format", "{{ '%999999999d'|format(1) }}", FAILS),
    Attempt("a precise format", "{{ '%.999999999f'|format(1.0) }}", FAILS),
    Attempt("a filled batch", "{{ xs|batch(huge, 'x') }}", FAILS),
    Attempt("many slices", "{{ xs|slice(10**9) }}", FAILS),
    Attempt("a text doubled", doubling("'a'", "ns.x ~ ns.x"), FAILS),
    Attempt(
        "a text doubled by a macro",
        "{% macro f(x) %}{{ x }}{{ x }}{% endmacro %}" + doubling("'a'", "f(ns.x)"),
        FAILS,
    ),
    Attempt(
        "a block doubled",
        "{% set x %}aaaaaaaaaa{% endset %}" + ("{% set x %}" + "{{ x }}" * 10 + "{% endset %}") * 9,
        FAILS,
    ),
    Attempt("a batch of none", "{{ xs|batch(0) }}{{ xs|slice(0) }}", FAILS, "cannot be 0"),
    Attempt("a namespace in itself", "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", FAILS),
    Attempt(
        "a list 90,000 deep",
        "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        FAILS,
    ),
    Attempt("many attributes", "{{ n" + ".a" * 200_000 + " }}", INVALID, TOO_MUCH),
    Attempt("many items", "{{ n" + "[0]" * 200_000 + " }}", INVALID, TOO_MUCH),
    Attempt("many calls", "{{ n" + "()" * 200_000 + " }}", INVALID, TOO_MUCH),
    Attempt("many filters", "{{ n" + "|string" * 100_000 + " }}", ENDS),
    Attempt("many signs", "{{ " + "-" * 200_000 + "1 }}", ENDS),
    Attempt("many sums", "{{ 1" + "+1" * 200_000 + " }}", ENDS),
    Attempt("many texts", "{{ 'a'" + "~'a'" * 200_000 + " }}", ENDS),
    Attempt("many negations", "{{ " + "not " * 200_000 + "1 }}", ENDS),
    Attempt(
        "many long searches",
        "{% set x = range(99999)|list %}{% for i in range(99999) %}{% if 'x' in x %}{% endif %}{% endfor %}",
        FAILS,
    ),
)

INTO_HEADERS = (
    Attempt("line breaks in data", "{{ lines }}", MAKES, "Hello Bcc: eve@evil.example <b>", part="subject"),
    Attempt(
        "line breaks in the Template",
        "Hello\r\nBcc: eve@evil.example\n\nx",
        MAKES,
        "Hello Bcc: eve@evil.example x",
        part="subject",
    ),
    Attempt("escaped line breaks", "{{ 'a\\r\\nb\\u2028c' }}", MAKES, "a b c", part="subject"),
    Attempt("line breaks by join", "{{ ['a', 'b']|join('\\r\\n') }}", MAKES, "a b", part="subject"),
    Attempt(
        "line breaks by a block",
        "{% set x %}\r\n{% endset %}a{{ x }}Bcc: b",
        MAKES,
        "a Bcc: b",
        part="subject",
    ),
    Attempt("all that breaks lines somewhere", "{{ odd }}", MAKES, "a\0b c d e f g h\u202ei", part="subject"),
    Attempt("a subject of spaces", "{{ ' \\t\\r\\n ' }}", MAKES, "", part="subject"),
)

INTO_MARKUP = (
    Attempt(
        "markup in data", "<p>{{ markup }}", MAKES, "<p>&quot;&gt;&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"
    ),
    Attempt(
        "markup in an attribute",
        '<p title="{{ markup }}">',
        MAKES,
        '<p title="&quot;&gt;&lt;script&gt;alert(1)&lt;&#x2f;script&gt;">',
    ),
    Attempt("markup joined", "{{ [markup, markup]|join('<br>') }}", ENDS),
    Attempt(
        "markup in lower case",
        "{{ markup|lower|upper }}",
        MAKES,
        "&quot;&gt;&lt;SCRIPT&gt;ALERT(1)&lt;&#x2f;SCRIPT&gt;",
    ),
    Attempt("markup replaced", "{{ name|replace('A', '<script>') }}", MAKES, "&lt;script&gt;nn"),
    Attempt("markup in JSON", "{{ {'a': markup}|tojson }}", ENDS),
    Attempt("markup as text", "{{ markup }}", MAKES, '"><script>alert(1)</script>', part="text"),
)

ATTEMPTS = (*OUT_OF_THE_SANDBOX, *AT_THE_MARKERS, *EXHAUSTING, *INTO_HEADERS, *INTO_MARKUP)
