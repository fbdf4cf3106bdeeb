"""The few operations on image files, by string paths.

Not pathlib: up to Python 3.12 it interns every part of every path. With names that never repeat, that makes the
interpreter rebuild its table of interned strings now and then, a megabyte at a time, which looks like a leak's step.
"""
# ruff: noqa: PTH102, PTH105, PTH106, PTH108, PTH120, PTH123

import contextlib
import os


def write(path: str, content: bytes) -> None:
    """Make the file, or put new content in its place."""
    with open(path, "wb", buffering=0) as file:
        file.write(content)


def read(path: str) -> bytes:
    """The file's content; FileNotFoundError where there is none."""
    with open(path, "rb", buffering=0) as file:
        return file.read()


def move(path: str, folder: str, name: str) -> str:
    """Move the file into the folder, which is made if need be; return its new path. FileNotFoundError if it is gone."""
    target = f"{folder}/{name}"
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    try:
        os.replace(path, target)
    except FileNotFoundError:
        _remove_if_empty(folder)
        raise
    return target


def delete(path: str) -> None:
    """Delete the file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def delete_with_folder(path: str) -> None:
    """Delete the file if it is there, and its folder if that is empty then."""
    delete(path)
    _remove_if_empty(os.path.dirname(path))


def _remove_if_empty(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder)
