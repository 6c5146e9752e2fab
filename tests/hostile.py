"""Addresses made to be misread: pieces of what people, spreadsheets and attackers write, put together at random."""

from hypothesis import strategies as st

PIECES = [
    *("a", "Bob", "9", "x" * 61, "_", "+", "'", "%", "!", "/", "|", "-", "--", ".", "..", "@"),
    *(
        '"',
        "\\",
        "<",
        ">",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        ":",
        ", ",
        "%0d%0a",
        "\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
    ),
    *(
        "\x1f",
        "\x7f",
        "\x85",
        "\xa0",
        "\xad",
        "\u034f",
        "\u061c",
        "\u200b",
        "\u200d",
        "\u200e",
        "\u2028",
        "\u202e",
    ),
    *("\u2060", "\u3000", "\u3164", "\ufe0f", "\ufeff", "\ufffd", "\U000e0061"),
    *("\u3002", "\uff0e", "\uff61", "\u2024", "\u2025", "\uff20", "\uff21", "\uff1c", "\u037e", "\u212a"),
    *(
        "\xe9",
        "e\u0301",
        "\xdf",
        "\u0130",
        "\u03a3",
        "\u01f0",
        "J\u030c",
        "\u023a",
        "\u0416",
        "\u05d0",
        "\u4f8b",
    ),
    *(
        "xn--",
        "XN--",
        "xn--bcher-kva",
        "xn--a",
        "xn--0",
        "ab--",
        "com",
        "COM",
        "example.com",
        "B\xfccher.example",
    ),
]

words = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
quoted = words.map('"{}"'.format)
# Good enough to pass now and then, and wrong in one place.
domains = words | st.builds("{}{}.com".format, words, st.sampled_from(["a", "\xfc", "b\u3002c"]))
addresses = st.builds("{}@{}".format, words | quoted, domains) | st.text(max_size=30) | st.emails()
