"""Folders of this machine and of object storage, by one interface: that of Arrow's file systems.

They come with Ray Data, need no further package for s3:// and gs://, and travel to other processes.
"""

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

from pyarrow import fs

from cyclegan.errors import UsageError

FileSystem: TypeAlias = Any  # Arrow's; it tells no types
"""Where files lie; can be sent to other processes."""


@dataclass(frozen=True)
class Place:
    """A file or a folder, and where it lies."""

    filesystem: FileSystem
    path: str
    """Without an ending slash; on object storage it begins with the bucket."""
    given: str
    """As the user wrote it."""


def place_of(given: str) -> Place:
    """Understand a path of this machine, or a URL such as s3://bucket/folder.

    Raises:
        UsageError: It is a URL of something else.
    """
    if "://" not in given:
        # Not `resolve`: the names of links stay.
        return Place(fs.LocalFileSystem(), os.path.abspath(given), given)  # noqa: PTH100
    try:
        filesystem, path = fs.FileSystem.from_uri(given)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{given} is no place that can be used ({_line(error)}); expected a path, or a URL as "
            "s3://bucket/folder or gs://bucket/folder"
        ) from None
    return Place(filesystem, path.rstrip("/"), given)


def files_in(place: Place) -> list[str]:
    """List the paths in a folder to the bottom, or a file alone; nothing if there is neither.

    Raises:
        UsageError: It cannot be looked at.
    """
    try:
        info = place.filesystem.get_file_info(place.path)
        if info.type == fs.FileType.File:
            return [place.path]
        selector = fs.FileSelector(place.path, recursive=True, allow_not_found=True)
        found = place.filesystem.get_file_info(selector)
    except OSError as error:
        raise UsageError(f"{place.given} cannot be looked at: {_line(error)}") from None
    return [info.path for info in found if info.type == fs.FileType.File]


def read_file(filesystem: FileSystem, path: str) -> bytes:
    """Read a file.

    Raises:
        OSError: It cannot be read.
    """
    with filesystem.open_input_stream(path) as stream:
        return stream.read()


def write_file(filesystem: FileSystem, path: str, data: bytes) -> None:
    """Write a file wholly or not at all; its folders are made where there are such things.

    Raises:
        OSError: It cannot be written.
    """
    if not isinstance(filesystem, fs.LocalFileSystem):
        with filesystem.open_output_stream(path) as stream:  # an object is there once it is whole
            stream.write(data)
        return
    folder, name = os.path.split(path)
    filesystem.create_dir(folder)
    # Unlike cyclegan.atomic_file this does not wait for the disk: a lost result is made again.
    partial = os.path.join(folder, f".{name}.{os.getpid()}.partial")  # noqa: PTH118
    try:
        with filesystem.open_output_stream(partial) as stream:
            stream.write(data)
        filesystem.move(partial, path)
    except BaseException:
        if filesystem.get_file_info(partial).type == fs.FileType.File:
            filesystem.delete_file(partial)
        raise


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
