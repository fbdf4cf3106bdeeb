"""Foreign text, such as the name of a file or a map, made fit to print in a line of its own."""


def printable(text: str) -> str:
    r"""Return *text* with all that moves a cursor, ends a line or cannot be encoded written as an escape: `\n`, `\x1b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
