"""From the words of a command line to validated settings, with errors of one line."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import CliApp, CliSettingsSource, SettingsError

from cyclegan.atomic_file import write_atomically
from cyclegan.errors import UsageError
from cyclegan.flag_help import add_flag

Settings = TypeVar("Settings", bound=BaseModel)


def parse(settings: type[Settings], arguments: Sequence[str], command: str) -> Settings:
    """Read `arguments` as `settings`; flags are the fields in kebab case, help their docstrings.

    Args:
        settings: A model of pydantic; `--help` prints its docstring.
        arguments: Words behind the command's name.
        command: What the user typed before them, for the help text.

    Raises:
        UsageError: A flag is unknown, missing, or its value not allowed.
    """
    source = CliSettingsSource[Any](
        settings,  # pyright: ignore[reportArgumentType] - also takes plain models
        cli_prog_name=command,
        cli_parse_none_str="null",
        cli_hide_none_type=True,
        cli_avoid_json=True,
        cli_exit_on_error=False,
        cli_implicit_flags="dual",
        cli_kebab_case=True,
        add_argument_method=add_flag,
    )
    try:
        return CliApp.run(settings, cli_args=list(arguments), cli_settings_source=source)
    except SettingsError as error:
        reason = str(error).removeprefix("error parsing CLI: ")
        raise UsageError(f"{command}: {reason}; see {command} --help") from None
    except ValidationError as error:
        raise UsageError(f"{command}: {problems(error)}; see {command} --help") from None


def given(arguments: Sequence[str], *flags: str) -> argparse.Namespace:
    """Look for some flags before `arguments` are parsed, whatever else is wrong with them.

    Returns:
        The last value of each, and None where it is not there or has none.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in flags:
        parser.add_argument(flag, nargs="?")
    return parser.parse_known_args(list(arguments))[0]


def write_json(report: BaseModel, file: Path) -> None:
    """Write what a command found to the file of its flag `--json`, wholly or not at all.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        write_atomically(file, (report.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); give another --json"
        ) from None


def problems(error: ValidationError) -> str:
    """Say what was wrong with each value, in one line."""
    return "; ".join(_problem(details) for details in error.errors())


def _problem(details: Any) -> str:  # noqa: ANN401 - pydantic's dictionary
    flag = ".".join(str(part) for part in details["loc"]).replace("_", "-")
    message = details["msg"].removeprefix("Value error, ")
    if not flag:
        return message
    if details["type"] == "missing":
        return f"--{flag} is missing"
    return f"--{flag} is {details['input']!r}: {message[0].lower()}{message[1:]}"
