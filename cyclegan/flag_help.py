"""What `--help` says of a flag, in words for people who have not seen Python."""

import re
from argparse import ArgumentParser
from typing import Any

# What stands for the value of a flag of this type.
_VALUES = {"Path": "PATH", "str": "TEXT", "int": "N", "float": "X"}


def add_flag(parser: Any, *names: str, **options: Any) -> None:  # noqa: ANN401 - as argparse has them
    """Add a flag to a parser or one of its groups, as `ArgumentParser.add_argument` does.

    pydantic-settings would name types of Python, as in `--names tuple[str,str]`, and tell every
    default as Python prints it. What is none, or comes from a function, only the text can tell.
    """
    if "metavar" in options:
        options["metavar"] = _value(options["metavar"])
    options["help"] = _help(options["help"])
    ArgumentParser.add_argument(parser, *names, **options)


def _value(type_name: str) -> str:
    """`--crop N`, `--names TEXT,TEXT`, `--size N,...`; a list's values have blanks between."""
    value = re.sub(r"\b(Path|str|int|float)\b", lambda found: _VALUES[found[0]], type_name)
    value = re.sub(r"^tuple\[(.*)\]$", r"\1", value)
    return re.sub(r"^list\[(.*)\]$", r"\1 ...", value)


def _help(text: str) -> str:
    text = re.sub(r" ?\(default(: null|: None|: \(\)| factory: .*)\)$", "", text)
    return re.sub(r"\(default: \((.*)\)\)$", lambda found: f"(default: {_items(found[1])})", text)


def _items(values: str) -> str:
    """The items of a tuple as they are given: `'a', 'b'` is a,b."""
    return values.rstrip(",").replace("'", "").replace(", ", ",")
