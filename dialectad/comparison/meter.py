"""What one run of compiled code does, counted: the memory it asks for, and the BLAS routines it calls.

The machine code is loaded a second time, with counting functions in place of `malloc`, `free` and the
routines of CBLAS. So the counts are exact and the same in each run, whatever else goes on in the process;
what BLAS itself allocates isn't in them.
"""

from __future__ import annotations

import ctypes
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dialectad.frontend import pytrees
from dialectad.frontend.compiled import Compiled
from dialectad.runtime import blas_library, engine

_LETTERS = {"i": ctypes.c_int32, "p": ctypes.c_void_p}
_ELEMENT = {"s": ctypes.c_float, "d": ctypes.c_double}
_ROUTINE = re.compile(r"(?:scipy_)?cblas_([sd])([a-z]+)")


@dataclass(frozen=True)
class _Routine:
    """How to call a routine (i: 32-bit integer, p: pointer, x: an element) and what it costs."""

    parameters: str
    flops: Callable[..., int]
    """From the arguments of a call."""
    gives: bool = False
    """Whether it gives an element."""


_ROUTINES: dict[str, _Routine] = {
    "gemm": _Routine("iiiiiixpipixpi", lambda *a: 2 * a[3] * a[4] * a[5]),
    "gemv": _Routine("iiiixpipixpi", lambda *a: 2 * a[2] * a[3]),
    "ger": _Routine("iiixpipipi", lambda *a: 2 * a[1] * a[2]),
    "syrk": _Routine("iiiiixpixpi", lambda *a: a[3] * a[3] * a[4]),
    "dot": _Routine("ipipi", lambda *a: 2 * a[0], gives=True),
}


@dataclass(frozen=True)
class Blas:
    """The BLAS routines that a run calls."""

    calls: Mapping[str, int] = field(default_factory=dict)
    """Routine -> how often."""
    flops: int = 0
    """Floating-point operations in them."""
    uncounted: tuple[str, ...] = ()
    """Routines that are called, but that aren't known here: neither their calls nor their flops count."""

    @property
    def total(self) -> int:
        """Calls of all routines."""
        return sum(self.calls.values())


@dataclass(frozen=True)
class Metered:
    """What a run did."""

    memory: int
    """Bytes beyond the arguments at the peak, results included."""
    blas: Blas | None
    """None where the calls are made by NumPy."""


class _Meter:
    """Counting stand-ins for functions that machine code calls. Their addresses are good while it lives."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        self._malloc = _function(libc.malloc, ctypes.c_void_p, ctypes.c_size_t)
        self._realloc = _function(libc.realloc, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        self._aligned = _function(libc.aligned_alloc, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
        self._free = _function(libc.free, None, ctypes.c_void_p)
        self._sizes: dict[int, int] = {}
        self._now = 0
        self.peak = 0
        self.calls: Counter[str] = Counter()
        self.flops = 0
        self._callbacks: dict[str, Any] = {}
        self._export("malloc", self._counted_malloc, ctypes.c_void_p, ctypes.c_size_t)
        self._export("realloc", self._counted_realloc, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        self._export("aligned_alloc", self._counted_aligned, ctypes.c_void_p, *[ctypes.c_size_t] * 2)
        self._export("free", self._counted_free, None, ctypes.c_void_p)

    def _export(self, name: str, function: Callable[..., Any], result: Any, *arguments: Any) -> None:
        self._callbacks[name] = ctypes.CFUNCTYPE(result, *arguments)(function)

    def imports(self) -> dict[str, int]:
        """Symbol -> address, for `engine.load`."""
        addresses = {n: ctypes.cast(c, ctypes.c_void_p).value for n, c in self._callbacks.items()}
        return {name: address for name, address in addresses.items() if address is not None}

    def _took(self, address: int | None, size: int) -> int | None:
        if address:
            self._sizes[address] = size
            self._now += size
            self.peak = max(self.peak, self._now)
        return address

    def _counted_malloc(self, size: int) -> int | None:
        return self._took(self._malloc(size), size)

    def _counted_aligned(self, alignment: int, size: int) -> int | None:
        return self._took(self._aligned(alignment, size), size)

    def _counted_realloc(self, old: int | None, size: int) -> int | None:
        new = self._realloc(old, size)
        if new:
            self._now -= self._sizes.pop(old or 0, 0)
        return self._took(new, size)

    def _counted_free(self, address: int | None) -> None:
        self._now -= self._sizes.pop(address or 0, 0)
        self._free(address)

    def count_blas(self, symbol: str, address: int) -> bool:
        """Stand between the machine code and a routine; False for one that isn't known here."""
        match = _ROUTINE.fullmatch(symbol)
        routine = _ROUTINES.get(match[2]) if match is not None else None
        if match is None or routine is None:
            return False
        element = _ELEMENT[match[1]]
        types = [_LETTERS.get(letter, element) for letter in routine.parameters]
        prototype = ctypes.CFUNCTYPE(element if routine.gives else None, *types)
        original, name, flops = prototype(address), match[1] + match[2], routine.flops

        def counted(*arguments: Any) -> Any:
            self.calls[name] += 1
            self.flops += flops(*arguments)
            return original(*arguments)

        self._callbacks[symbol] = prototype(counted)
        return True


def _function(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, arguments
    return function


def of_compiled(compiled: Compiled, args: Sequence[Any]) -> Metered:
    """Run machine code once on `args`, which it may write into, and count."""
    meter = _Meter()
    code = compiled.library.object_code
    symbols = blas_library.symbols(code)
    uncounted = [name for name, address in symbols.items() if not meter.count_blas(name, address)]
    library = engine.load(code, compiled.library.llvm_ir, {**compiled.library.imports, **meter.imports()})
    result = replace(compiled, library=library)(pytrees.flatten(tuple(args))[0])
    blas = Blas(dict(meter.calls), meter.flops, tuple(sorted(uncounted)))
    memory = meter.peak + frame_bytes(library) + _bytes(result)
    del library  # gives back the memory that it keeps, through the meter
    return Metered(memory, blas)


def of_python(function: Callable[..., Any], args: Sequence[Any]) -> Metered:
    """Run a Python function once: what Python's and NumPy's own allocators count."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        function(*args)
        return Metered(max(0, tracemalloc.get_traced_memory()[1] - before), None)
    finally:
        if not tracing:
            tracemalloc.stop()


_ARRAY = re.compile(r"= alloca ((?:\[\d+ x )+)(\w+)")
_SIZES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1, "ptr": 8}


def frame_bytes(library: engine.Library) -> int:
    """The arrays in the frames of all functions: small temporaries live there, and not on the heap."""
    total = 0
    for extents, element in _ARRAY.findall(library.optimized_ir() if library.llvm_ir else ""):
        total += int(np.prod([int(n) for n in re.findall(r"\d+", extents)])) * _SIZES.get(element, 8)
    return total


def _bytes(tree: Any) -> int:
    return sum(np.asarray(leaf).nbytes for leaf in pytrees.flatten(tree)[0] if leaf is not None)
