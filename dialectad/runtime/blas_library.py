"""Which BLAS generated code calls: OpenBLAS from the `scipy-openblas32` wheel unless another is asked for.

The environment variable `DIALECTAD_BLAS` names it: `openblas`, `mkl` (an installed `mkl` wheel, or one on
the library path), or the path of a shared library with a 32-bit-integer CBLAS interface.

It runs on one thread, since handing the small products of most programs to several costs more than it saves;
`DIALECTAD_THREADS` asks for more.

Generated code calls `scipy_cblas_dgemm` or `cblas_dgemm`; either name finds the chosen library's function.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from dialectad.errors import CompileError

VARIABLE = "DIALECTAD_BLAS"
THREADS = "DIALECTAD_THREADS"

_SET_THREADS = ("openblas_set_num_threads", "MKL_Set_Num_Threads", "bli_thread_set_num_threads")


@dataclass(frozen=True)
class BlasLibrary:
    """A loaded BLAS."""

    name: str
    path: str
    handle: ctypes.CDLL = field(repr=False, compare=False)

    def address(self, symbol: str) -> int | None:
        """The address of a function, with or without the `scipy_` that the wheel puts before its names."""
        plain = symbol.removeprefix("scipy_")
        for name in (f"scipy_{plain}", plain):
            try:
                function = getattr(self.handle, name)
            except AttributeError:
                continue
            return ctypes.cast(function, ctypes.c_void_p).value
        return None


def _openblas() -> str:
    spec = find_spec("scipy_openblas32")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if found := sorted((Path(place) / "lib").glob("*scipy_openblas*.*")):
            return str(found[0])
    raise CompileError("no BLAS: the package scipy-openblas32 is not installed")


def _mkl() -> str:
    places = [Path(p) for p in (sys.prefix, sys.exec_prefix, os.environ.get("MKLROOT", "")) if p]
    for place in places:
        for folder in ("lib", "lib/intel64", "Library/bin"):
            if found := sorted((place / folder).glob("*mkl_rt*")):
                return str(found[-1])
    return "libmkl_rt.so.2"


def _path(choice: str) -> str:
    return {"openblas": _openblas, "mkl": _mkl}.get(choice, lambda: choice)()


def _choice() -> str:
    return os.environ.get(VARIABLE) or "openblas"


def identity() -> str:
    """What tells the library that the environment asks for from others, without loading it."""
    path = _path(_choice())
    if not os.path.exists(path):
        return path
    status = os.stat(path)
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"


@cache
def load(choice: str) -> BlasLibrary:
    """The library of a name or path, loaded."""
    path = _path(choice)
    try:
        handle = ctypes.CDLL(path)
    except OSError as error:
        raise CompileError(
            f"the BLAS library {choice!r} can't be loaded: {error}",
            hint=f"set {VARIABLE} to 'openblas', 'mkl' or the path of a shared library",
        ) from error
    library = BlasLibrary(choice, path, handle)
    if library.address("cblas_dgemm") is None:
        raise CompileError(f"the library {path} has no CBLAS interface (no cblas_dgemm in it)")
    _limit_threads(library)
    return library


def _limit_threads(library: BlasLibrary) -> None:
    asked = os.environ.get(THREADS, "1")
    if not asked.isdecimal() or int(asked) < 1:
        raise CompileError(f"{THREADS} is {asked!r}; a positive number is expected")
    for name in _SET_THREADS:
        if (address := library.address(name)) is not None:
            ctypes.CFUNCTYPE(None, ctypes.c_int)(address)(int(asked))


def current() -> BlasLibrary:
    """The library that the environment asks for now."""
    return load(_choice())


_CALLED = re.compile(rb"(?<![A-Za-z0-9_])(?:scipy_)?(?:cblas|LAPACKE)_[a-z0-9_]+")


def symbols(object_code: bytes) -> dict[str, int]:
    """The addresses of the BLAS functions that an object file mentions; those the library has."""
    names = {name.decode() for name in _CALLED.findall(object_code)}
    if not names:
        return {}
    library = current()
    found = {name: library.address(name) for name in names}
    return {name: address for name, address in found.items() if address is not None}
