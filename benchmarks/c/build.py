"""Compile the adjoints of this folder, and bind their functions to NumPy arrays.

    seidel = build.library("seidel")
    call = seidel.bind("seidel_gradient", u, steps, du, work)     # () -> float

Libraries are kept in the user's cache folder, named after everything that went into them. The compiler is
`$CC`, or else `cc`, `gcc` or `clang`, whichever is found first.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

FOLDER = Path(__file__).parent
FLAGS = (
    *("-O3", "-march=native", "-fno-math-errno", "-fopenmp-simd", "-fno-builtin-sin", "-fno-builtin-cos"),
    *("-fPIC", "-shared", "-Wall", "-Wextra", "-Wno-unknown-pragmas"),
)
"""Nothing that changes results: `-fno-math-errno` lets `sqrt` be an instruction, and `-fopenmp-simd` obeys
`#pragma omp simd` and starts no threads. GCC would make one call of a sine and a cosine, and has no vector
form of that: where one call is better, the adjoints say `sincos`."""
COMPILERS = ("cc", "gcc", "clang")


class CompilerError(RuntimeError):
    """There is no C compiler, or it refused an adjoint."""


@dataclass(frozen=True)
class Library:
    """A compiled adjoint."""

    handle: ctypes.CDLL

    def bind(self, name: str, *arguments: np.ndarray | int | float) -> Callable[[], float]:
        """The C function `double name(...)` with its arguments: pointers to arrays, `long`s and `double`s.

        The arrays are the caller's, and the function writes into them.
        """
        function = getattr(self.handle, name)
        function.restype = ctypes.c_double
        converted = [_converted(argument) for argument in arguments]

        def call(_keep: tuple[Any, ...] = arguments) -> float:
            return function(*converted)

        return call


def _converted(argument: np.ndarray | int | float) -> Any:
    if isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            raise ValueError("the adjoints take contiguous arrays")
        return ctypes.c_void_p(argument.ctypes.data)
    return ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_double(argument)


def compiler() -> str:
    """The path of the C compiler."""
    asked = os.environ.get("CC")
    for name in (asked,) if asked else COMPILERS:
        if (path := shutil.which(name)) is not None:
            return path
    raise CompilerError(
        f"the C compiler $CC={asked} isn't there"
        if asked
        else f"no C compiler ({', '.join(COMPILERS)}): install one, or set CC"
    )


@cache
def library(name: str, *, real: str = "double", blas: bool = False) -> Library:
    """The library of `name.c` for the C type `real`; with `blas`, linked with the BLAS that we call too."""
    cc = compiler()
    flags = [*FLAGS, f"-DREAL={real}", f"-DREAL_IS_{real.upper()}"]
    linked = _blas_flags() if blas else []
    sources = [FOLDER / f"{name}.c", *sorted(FOLDER.glob("*.[ch]"))]  # they include one another
    parts = [_identity(cc), *flags, *linked, *(source.read_text(encoding="utf-8") for source in sources)]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    folder = Path(platformdirs.user_cache_dir("dialectad", appauthor=False)) / "benchmarks"
    path = folder / f"{name}-{digest}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            output = Path(made) / path.name
            done = subprocess.run(
                [cc, *flags, str(sources[0]), "-o", str(output), *linked, "-lm"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise CompilerError(f"{cc} refused {sources[0].name}:\n{done.stderr.strip()}")
            os.replace(output, path)
    return Library(ctypes.CDLL(str(path)))


@cache
def _identity(cc: str) -> str:
    """The compiler, and what `-march=native` means to it here."""
    command = [cc, "-march=native", "-E", "-v", "-x", "c", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{cc}\n{done.stderr}"


def _blas_flags() -> list[str]:
    from dialectad.runtime import blas_library

    blas = blas_library.current()
    prefix = "scipy_" if hasattr(blas.handle, "scipy_cblas_dgemm") else ""
    # an absolute path, so that the loader finds the very library that is loaded already, threads set
    return [f"-DBLAS(name)={prefix}cblas_##name", blas.path, f"-Wl,-rpath,{Path(blas.path).parent}"]
