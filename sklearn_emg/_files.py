"""Files: written completely or not at all, and read with limits."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import re
import shutil
import socket
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "PACKED",
    "existing_file",
    "locked_folder",
    "read_bytes",
    "refusing",
    "regular_file",
    "write_atomically",
    "write_text_atomically",
]

# Compressed files that are unpacked, by the end of their names.
PACKED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}

_TRIES = 100
_PART = 2**20

# Errors that reading a damaged or forged file can cause, in addition to those of the system.
_UNUSABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,  # includes RecursionError and NotImplementedError
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", socket.gethostname())


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _clear_scratch(path: Path) -> None:
    """Remove scratch folders that killed processes of this machine left when writing `path`."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{re.escape(_host())}\.(\d+)\.[0-9a-f]{{32}}")
    for entry in path.parent.iterdir():
        match = pattern.fullmatch(entry.name)
        if match and not _is_alive(int(match[1])):
            shutil.rmtree(entry, ignore_errors=True)


def _is_in_the_way(path: Path, target: Path) -> bool:
    """Whether `path` holds what a rename cannot replace: only a file replaces a file or a link."""
    if target.is_dir():
        return os.path.lexists(path)
    return path.is_dir() and not path.is_symlink()


def _refuse_full_folder(path: Path) -> None:
    """Refuse to lose the files of a folder to one file."""
    if path.is_dir() and not path.is_symlink() and any(path.iterdir()):
        raise IsADirectoryError(f"{path} is a folder with files in it. Give the path of a file.")


def _move(target: Path, path: Path, scratch: Path) -> None:
    """Give a finished file or folder its name, also while other processes write the same one."""
    for _ in range(_TRIES):
        if _is_in_the_way(path, target):
            try:
                os.replace(path, scratch / f"old-{uuid.uuid4().hex}")
            except FileNotFoundError:
                continue
        try:
            os.replace(target, path)
        except OSError as error:
            # Another writer has put a file or a folder there in the meantime.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
            continue
        return
    raise OSError(f"{path} could not be replaced: other processes keep writing it.")


def write_atomically(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """Write a file or a folder next to its place and rename it when it is complete.

    Readers see the old content or the new one. Of two processes that write one path, one wins, and
    its content is complete. A folder may replace a file or a folder, a file only an empty folder.
    Scratch folders of killed processes are removed by the next call for the same path.

    Parameters
    ----------
    path : path-like
        File or folder to write; missing parent folders are created.
    write : callable
        ``write(target)`` creates the file or folder `target`, which has the name of `path`.

    Returns
    -------
    path : Path

    Raises
    ------
    IsADirectoryError
        If a file would replace a folder that is not empty.
    OSError
        If the disk is full or the folder cannot be written; no scratch files are left then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_scratch(path)
    scratch = path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{uuid.uuid4().hex}")
    scratch.mkdir()
    try:
        target = scratch / path.name
        write(target)
        if target.is_file():
            _refuse_full_folder(path)
            with open(target, "rb+") as file:
                os.fsync(file.fileno())
        _move(target, path, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def write_text_atomically(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file in UTF-8 by :func:`write_atomically`.

    Parameters
    ----------
    path : path-like
        File to write; folders above it are made.
    text : str

    Returns
    -------
    path : Path

    Raises
    ------
    OSError
        If the disk is full or the place cannot be written; nothing is left then.
    """
    return write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let one process after the other work in a folder, where the file system supports locks.

    The lock leaves no file and ends with its process. On Windows nothing is locked.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def existing_file(path: Path) -> Path:
    """The path if a regular file lies there, rather than a folder, a pipe or a device."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if not path.is_file():
        raise ValueError(f"{path} is not a regular file.")
    return path


def regular_file(path: Path, root: Path) -> Path:
    """The file if it is one and lies within `root` once all links are followed.

    A downloaded data set is not trusted: the name of a file, or a link in its place, must not make
    a loader open anything else on the user's machine, nor wait forever for a pipe.
    """
    try:
        real = path.resolve()
    except RuntimeError as error:  # before Python 3.13
        raise ValueError(f"{path} is a link that leads in a circle.") from error
    if not real.is_relative_to(root.resolve()):
        raise ValueError(
            f"{path} leads out of {root}, so it is not read. If you trust it, copy the file there."
        )
    existing_file(path)
    return path


def _too_large(path: Path, limit: int) -> str:
    return f"{path} holds more than {limit} bytes, too many for a file of its kind."


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)
    if suffix == ".bz2":
        return bz2.open(path)
    return lzma.open(path) if suffix == ".xz" else open(path, "rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """Content of a plain or compressed file, of at most `limit` bytes once unpacked.

    Parameters
    ----------
    path : Path
        A name that ends in ``.gz``, ``.bz2`` or ``.xz`` is unpacked.
    limit : int
        Number of bytes allowed. No more memory than that is asked for.

    Returns
    -------
    content : bytes

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a regular file, or is empty, truncated, packed otherwise or larger than
        `limit`.
    """
    content = bytearray()
    existing_file(path)
    packed = path.suffix.lower() in PACKED
    if not packed and path.stat().st_size > limit:
        raise ValueError(_too_large(path, limit))
    try:
        with _opened(path) as file:
            # In parts: one read would allocate all its memory before it knows how much there is.
            while len(content) <= limit and (part := file.read(_PART)):
                content += part
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        if not packed or (isinstance(error, OSError) and error.errno):  # the disk's, not the file's
            raise
        kind = PACKED[path.suffix.lower()]
        raise ValueError(
            f"{path} is truncated or not a {kind} file ({error}); get it again."
        ) from error
    if len(content) > limit:
        raise ValueError(_too_large(path, limit))
    if not content:
        raise ValueError(f"{path} is empty; get it again.")
    return bytes(content)


@contextlib.contextmanager
def refusing(what: str, *more: type[Exception]) -> Iterator[None]:
    """Turn any error that a damaged or forged file causes into a ValueError.

    Parameters
    ----------
    what : str
        Beginning of the message, with the name of the file.
    *more : type of exception
        Further errors that become a ValueError.

    Raises
    ------
    ValueError
    """
    unusable: tuple[type[Exception], ...] = (*_UNUSABLE, *more)
    try:
        yield
    except unusable as error:
        text = str(error) if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"{what}: {text.removesuffix('.')}.") from error
