"""A training's flags in a file, so that it can be repeated: `--recipe recipes/monet.toml`."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cyclegan.command_line import given
from cyclegan.errors import UsageError


def with_recipe(arguments: Sequence[str]) -> list[str]:
    """Put the flags of the `--recipe` among `arguments` before them, which therefore win.

    Raises:
        UsageError: It is not there or no TOML.
    """
    file = given(arguments, "--recipe").recipe
    if file is None:
        return list(arguments)
    return [*_flags(_read(Path(file))), *arguments]


def _read(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise UsageError(
            f"--recipe {file} cannot be read ({error.strerror}); expected a file like "
            "recipes/monet.toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--recipe {file} is no TOML ({error}); expected lines like crop = 128"
        ) from None


def _flags(recipe: Mapping[str, object], prefix: str = "--") -> Iterator[str]:
    """Give flags by the names and tables of a recipe: [weights] cycle = 5 is --weights.cycle 5."""
    for name, value in recipe.items():
        kebab = name.replace("_", "-")
        match value:
            case dict():
                yield from _flags(value, f"{prefix}{kebab}.")
            case bool():
                yield f"{prefix}{kebab}" if value else f"{prefix}no-{kebab}"
            case list():
                yield from (f"{prefix}{kebab}", ",".join(map(str, value)))
            case _:
                yield from (f"{prefix}{kebab}", str(value))
