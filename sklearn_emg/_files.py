"""Atomic writing of files, and reading of files with size limits."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import socket
import sys
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Formats of compressed files that are unpacked, by suffix.
PACKED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}

_TRIES = 100
_PART = 2**20

# Errors that reading a damaged or forged file can cause, in addition to OSError.
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
    """Remove scratch folders that killed processes of this machine left while writing `path`."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{re.escape(_host())}\.(\d+)\.[0-9a-f]{{32}}")
    for entry in path.parent.iterdir():
        match = pattern.fullmatch(entry.name)
        if match and not _is_alive(int(match[1])):
            shutil.rmtree(entry, ignore_errors=True)


def _is_in_the_way(path: Path, target: Path) -> bool:
    """Return whether `path` must be moved away first, since a rename cannot replace it."""
    if target.is_dir():
        return os.path.lexists(path)
    return path.is_dir() and not path.is_symlink()


def _refuse_full_folder(path: Path) -> None:
    """Raise if a file would replace a folder that contains files."""
    if path.is_dir() and not path.is_symlink() and any(path.iterdir()):
        raise IsADirectoryError(f"{path} is a folder with files in it. Give the path of a file.")


def _move(target: Path, path: Path, scratch: Path) -> None:
    """Rename a finished file or folder, even while other processes write the same path."""
    for _ in range(_TRIES):
        if _is_in_the_way(path, target):
            try:
                os.replace(path, scratch / f"old-{uuid.uuid4().hex}")
            except FileNotFoundError:
                continue
        try:
            os.replace(target, path)
        except OSError as error:
            # Another process has put a file or a folder there in the meantime.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
            continue
        return
    raise OSError(f"{path} could not be replaced, because other processes keep writing it.")


def write_atomically(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """Write a file or a folder under a temporary name and rename it when it is complete.

    Readers see either the old or the new content. If two processes write the same path, the content
    of one of them remains, and it is complete. A folder may replace a file or a folder; a file may
    replace a file or an empty folder. Scratch folders of killed processes are removed by the next
    call with the same path.

    Parameters
    ----------
    path : path-like
        File or folder to write. Missing parent folders are created.
    write : callable
        Function that is called as ``write(target)`` and creates the file or folder `target`, whose
        name is that of `path`.

    Returns
    -------
    path : Path
        Path that was written.

    Raises
    ------
    IsADirectoryError
        If a file would replace a folder that is not empty.
    OSError
        If the disk is full, the folder is not writable or one of its parents is a file. No scratch
        files are left in this case.
    """
    path = Path(path)
    folder_to_write(path.parent).mkdir(parents=True, exist_ok=True)
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
    """Write a text file in UTF-8 with :func:`write_atomically`.

    Parameters
    ----------
    path : str or path-like
        File to write. An existing file is replaced only when the new one is complete.
    text : str
        Content of the file.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    return write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let only one process at a time work in a folder, if the file system supports locks.

    The lock leaves no file behind and is released when its process ends. On Windows, nothing is
    locked.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems do not support locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_file_name(path: Path) -> Path:
    """Return the path; raise ValueError if its bytes are not UTF-8, which no table can hold."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise ValueError(f"The name of {shown} is not UTF-8; rename it.") from error
    return path


def discard_output() -> int:
    """Discard further output, since its reader (such as head) has ended; return the status 1."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def folder_to_write(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder that can be created.

    Raise NotADirectoryError if it, or a folder that would contain it, is a file.
    """
    path = Path(path)
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise NotADirectoryError(f"{part} is a file; give a folder")
    return path


def existing_file(path: Path) -> Path:
    """Return the path if it is that of a regular file; links are followed.

    Otherwise, raise FileNotFoundError if there is no such file, and ValueError for a folder, a pipe
    or a device.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Give a file, or read the folder with read_folder.")
    if not path.is_file():
        raise ValueError(f"{path} is not a regular file.")
    return path


def regular_file(path: Path, root: Path) -> Path:
    """Return the path of a regular file that lies within `root` after all links are followed.

    Downloaded data sets are not trusted: neither the name of a file nor a link in its place may
    make a loader open another file on the user's machine or wait forever for a pipe.
    """
    try:
        real = path.resolve()
    except RuntimeError as error:  # before Python 3.13
        raise ValueError(f"{path} is a link that leads back to itself.") from error
    if not real.is_relative_to(root.resolve()):
        raise ValueError(
            f"{path} leads out of {root}, so it is not read. If you trust it, copy the file there."
        )
    existing_file(path)
    return path


def _too_large(path: Path, limit: int) -> str:
    return f"{path} contains more than {limit} bytes, too many for a file of its kind."


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)
    if suffix == ".bz2":
        return bz2.open(path)
    return lzma.open(path) if suffix == ".xz" else open(path, "rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a plain or compressed file of at most `limit` bytes after unpacking.

    Parameters
    ----------
    path : Path
        File to read. It is unpacked if its name ends in ``.gz``, ``.bz2`` or ``.xz``.
    limit : int
        Maximum number of bytes. Little more memory than that is allocated.

    Returns
    -------
    content : bytes
        Content of the file after unpacking.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not a regular file, is empty or truncated, is larger than `limit`, or is not
        compressed in the format of its suffix.
    """
    content = bytearray()
    existing_file(path)
    packed = path.suffix.lower() in PACKED
    if not packed and path.stat().st_size > limit:
        raise ValueError(_too_large(path, limit))
    try:
        with _opened(path) as file:
            # A single read would allocate memory for `limit` bytes, however small the file is.
            while len(content) <= limit and (part := file.read(_PART)):
                content += part
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        if not packed or (isinstance(error, OSError) and error.errno):  # an error of the disk
            raise
        kind = PACKED[path.suffix.lower()]
        raise ValueError(
            f"{path} is truncated or not a {kind} file ({error}); obtain a new copy."
        ) from error
    if len(content) > limit:
        raise ValueError(_too_large(path, limit))
    if not content:
        raise ValueError(f"{path} is empty; obtain a new copy.")
    return bytes(content)


@contextlib.contextmanager
def refusing(what: str, *more: type[Exception]) -> Iterator[None]:
    """Raise a ValueError instead of any error that a damaged or forged file causes.

    `what` begins the message and includes the name of the file; the errors in `more` are converted
    too.
    """
    unusable: tuple[type[Exception], ...] = (*_UNUSABLE, *more)
    try:
        yield
    except unusable as error:
        text = str(error) if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"{what}: {text.removesuffix('.')}.") from error


def json_digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 digest of a dict that can be written as JSON, whatever its order."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
