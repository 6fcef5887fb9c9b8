"""Where CPython and NumPy keep what generated code reads from their objects.

NumPy's offsets are its public ABI; CPython's are the same from 3.11 to 3.13 in builds with the GIL. Nothing
here is taken on trust: each offset is tried on a known object first, and a build that differs is refused.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from dialectad.errors import CompileError
from dialectad.runtime.abi import DTYPES

TYPE = 8
"""`ob_type` of any object."""
SIZE = 16
"""`ob_size` of a tuple or list."""
ITEMS = 24
"""The first item of a tuple; the pointer to the items of a list."""
VALUE = 16
"""The number in a Python float or complex or a NumPy scalar."""
DATA, NDIM, DIMS, DESCR, FLAGS = 16, 24, 32, 56, 64
"""Fields of an ndarray."""
DESCR_WORD = 24
"""Eight bytes of a dtype that tell a plain number type: kind, character, byte order, -, type number."""

C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400

_API = {"PyArray_Scalar": 60, "PyArray_Empty": 184}
"""Slots of NumPy's C API table."""


def _read(obj: Any, offset: int, form: str = "P") -> Any:
    return struct.unpack(form, ctypes.string_at(id(obj) + offset, struct.calcsize(form)))[0]


def _differences() -> list[str]:
    """What isn't where it is expected."""
    array = np.arange(6, dtype=np.float64).reshape(2, 3)
    readonly = array[:, 1:]
    readonly.flags.writeable = False
    items = (object(), object())
    listed = list(items)
    checks = {
        "ob_type": all(_read(x, TYPE) == id(type(x)) for x in (array, items, 1.5, np.float32(1))),
        "tuple": _read(items, SIZE, "q") == 2 and _read(items, ITEMS + 8) == id(items[1]),
        "list": _read(listed, SIZE, "q") == 2
        and ctypes.c_void_p.from_address(_read(listed, ITEMS) + 8).value == id(items[1]),
        "float": _read(1.5, VALUE, "d") == 1.5,
        "complex": ctypes.string_at(id(1.5 + 2j) + VALUE, 16) == struct.pack("dd", 1.5, 2.0),
        "ndarray.data": _read(array, DATA) == array.ctypes.data,
        "ndarray.ndim": _read(array, NDIM, "i") == 2,
        "ndarray.shape": ctypes.string_at(_read(array, DIMS), 16) == struct.pack("qq", 2, 3),
        "ndarray.dtype": _read(array, DESCR) == id(array.dtype),
        "ndarray.flags": _read(array, FLAGS, "i") & 0x501 == 0x501
        and not _read(readonly, FLAGS, "i") & 0x401,
        "dtype.num": all(_read(d, DESCR_WORD + 4, "i") == d.num for d in DTYPES),
        "dtype.kind": all(_read(d, DESCR_WORD, "c") == d.kind.encode() for d in DTYPES),
        "scalars": all(
            ctypes.string_at(id(one) + VALUE, d.itemsize) == np.array(one).tobytes()
            for d in DTYPES
            for one in [d.type(1)]
        ),
    }
    return [name for name, good in checks.items() if not good]


@cache
def check() -> None:
    """Refuse a Python or NumPy whose objects aren't laid out as expected."""
    if (
        sys.implementation.name != "cpython"
        or struct.calcsize("P") != 8
        or sysconfig.get_config_var("Py_GIL_DISABLED")
        or sysconfig.get_config_var("Py_TRACE_REFS")
    ):
        raise CompileError("compiled functions need a 64-bit CPython with the GIL")
    if wrong := _differences():
        raise CompileError(f"this build of CPython or NumPy keeps {', '.join(wrong)} elsewhere")


def descr_words(dtype: np.dtype) -> list[int]:
    """The values of `DESCR_WORD` for the native types that equal `dtype` (`long` and `long long`)."""
    equal = (np.dtype(char) for char in "?bhilqBHILQfdFD")
    return sorted({_read(d, DESCR_WORD, "q") for d in equal if d == dtype})


@cache
def function(name: str) -> int:
    """The address of a function of CPython's C API, or of NumPy's."""
    if (slot := _API.get(name)) is not None:
        return _numpy_api()[slot]
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


@cache
def _numpy_api() -> Any:
    module = import_module("numpy._core._multiarray_umath")
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    pointer = prototype(("PyCapsule_GetPointer", ctypes.pythonapi))
    return ctypes.cast(pointer(module._ARRAY_API, None), ctypes.POINTER(ctypes.c_size_t))
