"""Native callables: a built-in function that checks its arguments and calls a kernel in well under 1 us.

call = native_callable(address, args, captured, results, slow, fail, "f", None)
call(x, 2.0)      # straight into the kernel if x and 2.0 are as `args` says, else slow(x, 2.0)
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from dialectad.runtime import engine, layout
from dialectad.runtime.abi import (
    ArgumentResult,
    ArrayArg,
    ScalarArg,
    StaticArg,
    Tree,
)
from dialectad.runtime.dispatch_ir import EntryWriter


class _MethodDef(ctypes.Structure):
    """CPython's `PyMethodDef`."""

    _fields_ = (
        ("ml_name", ctypes.c_char_p),
        ("ml_meth", ctypes.c_void_p),
        ("ml_flags", ctypes.c_int),
        ("ml_doc", ctypes.c_char_p),
    )


_FASTCALL_WITH_KEYWORDS = 0x0080 | 0x0002


class Compiled:
    """What a native callable lives on: its code, its definition, and the objects that the code refers to.

    The callable has it as its `__self__`, so it all goes when the callable goes.
    """

    __slots__ = ("_definition", "_keep", "_library")

    def __init__(self, library: engine.Library, definition: _MethodDef, keep: tuple[Any, ...]):
        self._library = library
        self._definition = definition
        self._keep = keep

    def __repr__(self) -> str:
        return "compiled code"


def native_callable(
    kernel_address: int,
    args: tuple[Tree, ...],
    captured: tuple[np.ndarray, ...],
    results: Tree,
    slow: Callable[..., Any],
    fail: Callable[[int], NoReturn],
    name: str,
    doc: str | None = None,
    *,
    release_gil: bool = False,
    keep: Any = None,
) -> Callable[..., Any]:
    """A built-in function that calls the kernel at an address; see `dialectad.runtime.abi` for how.

    Parameters
    ----------
    kernel_address : int
        Where the kernel is.
    args, results : trees
        What the call takes, and what it gives.
    captured : arrays
        C-contiguous arrays whose data the kernel gets after the arguments.
    slow : callable
        Called with the arguments of a call that doesn't fit `args`, keywords included, for its result.
    fail : callable
        Called with the kernel's status where that isn't 0; it raises.
    name, doc : str
        `__name__` and `__doc__` of the function.
    release_gil : bool
        Let other Python threads run while the kernel does.
    keep : object
        Kept alive for as long as the function: the kernel's library.
    """
    layout.check()
    _validate(args, captured, results)

    def raising(status: int) -> NoReturn:
        fail(status)
        raise SystemError(f"{name} failed with status {status}, and its handler raised nothing")

    writer = EntryWriter(slow, raising)
    text = writer.write(args, captured, results, kernel_address, release_gil)
    library = engine.load(_object_code(text), text, writer.imports)
    definition = _MethodDef(
        name.encode(),
        library.address("entry"),
        _FASTCALL_WITH_KEYWORDS,
        doc.encode() if doc is not None else None,
    )
    compiled = Compiled(library, definition, (writer.keep, captured, keep))
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    return new(ctypes.addressof(definition), compiled, None)


@lru_cache(256)
def _object_code(text: str) -> bytes:
    return engine.object_code(text, quick=True)


def _validate(args: tuple[Tree, ...], captured: tuple[np.ndarray, ...], results: Tree) -> None:
    leaves = [leaf for tree in args for leaf in tree.leaves()]
    for leaf in leaves:
        if not isinstance(leaf, ArrayArg | ScalarArg | StaticArg):
            raise TypeError(f"{leaf} is not an argument")
    for leaf in results.leaves():
        if isinstance(leaf, ArrayArg | ScalarArg | StaticArg):
            raise TypeError(f"{leaf} is not a result")
        if isinstance(leaf, ArgumentResult) and not 0 <= leaf.leaf < len(leaves):
            raise ValueError(f"{leaf}: there are {len(leaves)} leaves")
    for array in captured:
        if type(array) is not np.ndarray or not (array.flags.c_contiguous and array.flags.aligned):
            raise ValueError("captured arrays have to be exact, C-contiguous, aligned ndarrays")
        if not array.dtype.isnative:
            raise ValueError(f"captured arrays can't be of type {array.dtype}")
