"""Compiled code on disk, so that a function that was compiled once starts at once in the next process.

    key = cache.key(ir_text, pipeline)
    if (entry := cache.load(key)) is None:
        entry = cache.store(key, object_code, {"asserts": [...]})

The key covers everything that the code depends on: the program, the passes, this package's own source, LLVM,
the CPU, the C library and BLAS. An entry is one file, written beside its place and moved there, with a
checksum over its content and its own key: whatever is truncated, garbled or renamed counts as not there.

`DIALECTAD_CACHE=0` switches the cache off, `DIALECTAD_CACHE_DIR` moves it, `DIALECTAD_CACHE_SIZE` bounds it
(in MB, 512 by default; what was used longest ago goes first).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import struct
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs

from dialectad.runtime import blas_library, engine
from dialectad.runtime.host import host

SWITCH, DIRECTORY, SIZE = "DIALECTAD_CACHE", "DIALECTAD_CACHE_DIR", "DIALECTAD_CACHE_SIZE"

_MAGIC = b"dialectad-cache-1\n"
_SUFFIX = ".code"
_PRUNE_EVERY = 32
"""Entries that a process writes between two looks at the size of the whole."""

_written = 0
_disabled = ContextVar("disabled", default=False)


@dataclass(frozen=True)
class Entry:
    """Machine code and what belongs to it."""

    object_code: bytes
    metadata: Mapping[str, Any]
    """Anything that JSON can hold."""


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Neither look anything up nor keep it meanwhile, in this thread: to see what compiling takes."""
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


def directory() -> Path | None:
    """Where entries are kept; None when the cache is off."""
    if _disabled.get() or os.environ.get(SWITCH, "1").lower() in ("0", "off", "false", "no"):
        return None
    chosen = os.environ.get(DIRECTORY)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("dialectad", appauthor=False))


@cache
def _source() -> str:
    """What changes when the compiler does: names, sizes and times of its own files."""
    root = Path(__file__).resolve().parent.parent
    files = []
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".py"):
                status = os.stat(os.path.join(folder, name))
                files.append((os.path.relpath(folder, root), name, status.st_size, status.st_mtime_ns))
    return repr(sorted(files))


@cache
def _machine() -> str:
    this = host()
    versions = [f"{name} {version(name)}" for name in ("llvmlite", "xdsl", "numpy")]
    libc = (
        os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}) else ""
    )
    return repr([versions, platform.python_version(), libc, this.triple, this.cpu, this.features])


def key(*parts: str) -> str:
    """The name of the entry for a program: its IR text, its pipeline, and whatever else it depends on."""
    digest = hashlib.sha256()
    for part in (*parts, _source(), _machine(), blas_library.identity()):
        data = part.encode()
        digest.update(struct.pack("<q", len(data)))  # so that ("ab", "c") isn't ("a", "bc")
        digest.update(data)
    return digest.hexdigest()


def load(key: str) -> Entry | None:
    """The entry of that name, or None where there is none that is sound."""
    if (folder := directory()) is None or not _ours(folder):
        return None
    path = folder / (key + _SUFFIX)
    try:
        content = path.read_bytes()
    except OSError:  # not there, or gone meanwhile: a miss
        return None
    entry = _unpack(key, content)
    with contextlib.suppress(OSError):  # another process may have removed it
        if entry is None:
            path.unlink()
        else:
            os.utime(path)  # the time of use, for pruning
    return entry


def store(key: str, object_code: bytes, metadata: Mapping[str, Any] | None = None) -> Entry:
    """Keep an entry, if the cache is on; gives the entry either way."""
    global _written
    entry = Entry(object_code, dict(metadata or {}))
    if (folder := directory()) is None:
        return entry
    content = _pack(key, entry)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _ours(folder):
            return entry
        _write(folder / (key + _SUFFIX), content)
        if _written % _PRUNE_EVERY == 0:
            prune(folder)
        _written += 1
    except OSError as error:
        _warn(f"compiled code isn't kept, because {folder} can't be written: {error}")
    return entry


def library(llvm_ir: str) -> engine.Library:
    """The loaded code of LLVM IR text, compiled only if the cache doesn't have it."""
    name = key(llvm_ir, "llvm")
    entry = load(name) or store(name, engine.object_code(llvm_ir))
    return engine.load(entry.object_code, llvm_ir)


def prune(folder: Path, limit: int | None = None) -> None:
    """Remove the entries that were used longest ago until the rest has at most `limit` bytes."""
    if limit is None:
        limit = int(float(os.environ.get(SIZE) or 512) * 2**20)
    found = []
    with os.scandir(folder) as files:
        for file in files:
            if file.name.endswith((_SUFFIX, ".tmp")):
                with contextlib.suppress(FileNotFoundError):
                    status = file.stat()
                    found.append((status.st_mtime_ns, status.st_size, file.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        total -= size


def _pack(key: str, entry: Entry) -> bytes:
    metadata = json.dumps({"key": key, "metadata": entry.metadata}).encode()
    body = struct.pack("<q", len(metadata)) + metadata + entry.object_code
    return _MAGIC + hashlib.sha256(body).digest() + body


def _unpack(key: str, content: bytes) -> Entry | None:
    start = len(_MAGIC) + 32
    body = content[start:]
    if not content.startswith(_MAGIC) or hashlib.sha256(body).digest() != content[len(_MAGIC) : start]:
        return None
    (size,) = struct.unpack_from("<q", body)
    described = json.loads(body[8 : 8 + size])
    if described["key"] != key:
        return None
    return Entry(body[8 + size :], described["metadata"])


def _write(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _ours(folder: Path) -> bool:
    """Whether nobody else can put code there for us to run."""
    if not hasattr(os, "getuid"):
        return True
    try:
        status = os.stat(folder)
    except OSError:  # nothing there to run
        return True
    if status.st_uid == os.getuid() and not status.st_mode & 0o022:
        return True
    _warn(f"the cache of compiled code {folder} isn't used: others can write to it (mend it by chmod 700)")
    return False


@cache
def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
