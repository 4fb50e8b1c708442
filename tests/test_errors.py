"""How errors of libraries are passed on."""

import pytest

from cyclegan.errors import first_line


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("no such device\n  in file.cpp:12"), "no such device"),
        (ValueError("\n\nbadly formed"), "badly formed"),
        (AssertionError(), "AssertionError"),
        (ConnectionError("  \n"), "ConnectionError"),
    ],
)
def test_of_a_librarys_error_the_first_line_is_told_or_else_its_type(error, expected):
    assert first_line(error) == expected
