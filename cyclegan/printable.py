"""Text from outside, as the names of files, for a terminal and for JSON."""


def printable(text: object) -> str:
    """Escape what cannot be printed: it may command a terminal, or be no Unicode at all.

    File systems allow names of any bytes; Python gives what is not UTF-8 as lone surrogates.
    """
    return "".join(
        each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in str(text)
    )
