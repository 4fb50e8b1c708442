"""Where the pictures of a data set lie: two domains, with test pictures or without."""

from dataclasses import dataclass
from pathlib import Path

from cyclegan.errors import DataError, UsageError

_LAYOUTS = (("trainA", "trainB"), ("a", "b"))
_EXPECTED = "expected trainA and trainB, or a and b, one folder of pictures for each domain"


@dataclass(frozen=True)
class DataFolders:
    """One folder of pictures for each domain, and one of test pictures where there is one."""

    train_a: Path
    train_b: Path
    test_a: Path | None = None
    test_b: Path | None = None


def find_folders(
    data: Path | None, domain_a: Path | None = None, domain_b: Path | None = None
) -> DataFolders:
    """Find the domains in `data`, or take the two that are named; pictures are not looked for.

    Args:
        data: Holds `trainA trainB [testA testB]`, the authors' layout, or `a b`.
        domain_a: Instead of `data`, together with `domain_b`.
        domain_b: Instead of `data`, together with `domain_a`.

    Raises:
        UsageError: Neither or both ways are used, or the same folder is named twice.
        DataError: A folder is missing or is a file.
    """
    if data is not None:
        if domain_a is not None or domain_b is not None:
            raise UsageError(
                f"got {data} and also --domain-a or --domain-b; give the folder of both domains, "
                "or the two folders"
            )
        return _in_layout(data)
    if domain_a is None or domain_b is None:
        raise UsageError(_missing(domain_a, domain_b))
    return _named(domain_a, domain_b)


def _missing(domain_a: Path | None, domain_b: Path | None) -> str:
    if domain_a is None and domain_b is None:
        return (
            "no pictures are named; give the folder of both domains, or --domain-a and --domain-b"
        )
    given, lacking = ("a", "b") if domain_b is None else ("b", "a")
    return f"--domain-{given} is given without --domain-{lacking}; give both"


def _named(domain_a: Path, domain_b: Path) -> DataFolders:
    for folder in (domain_a, domain_b):
        _check_folder(folder, "expected a folder of pictures")
    a, b = domain_a.resolve(), domain_b.resolve()
    if a == b:
        raise UsageError(
            f"--domain-a and --domain-b are both {domain_a}; expected two different folders"
        )
    # Folders are searched recursively, so the inner one's pictures would be in both domains.
    if a in b.parents or b in a.parents:
        outer, inner = (domain_a, domain_b) if a in b.parents else (domain_b, domain_a)
        raise UsageError(
            f"{inner} lies inside {outer}, so its pictures would be in both domains; "
            "expected two separate folders"
        )
    return DataFolders(domain_a, domain_b)


def _in_layout(data: Path) -> DataFolders:
    _check_folder(data, _EXPECTED)
    for name_a, name_b in _LAYOUTS:
        found = [(data / name).is_dir() for name in (name_a, name_b)]
        if all(found):
            a, b = (data / name for name in (name_a, name_b))
            tests = (data / "testA", data / "testB") if name_a == "trainA" else (None, None)
            return DataFolders(a, b, *(test if test and test.is_dir() else None for test in tests))
        if any(found):
            has, lacks = (name_a, name_b) if found[0] else (name_b, name_a)
            raise DataError(f"{data} holds {has} but no folder {lacks}; {_EXPECTED}")
    raise DataError(f"{data} holds {_content(data)}; {_EXPECTED}")


def _check_folder(folder: Path, expected: str) -> None:
    if not folder.exists():
        raise DataError(f"{folder} does not exist; {expected}")
    if not folder.is_dir():
        raise DataError(f"{folder} is a file; {expected}")


def _content(folder: Path) -> str:
    """Say what is in a folder, in a few words."""
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
    if not names:
        return "nothing"
    rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + rest
