"""Run functions of the loop rung as machine code, called by the convention of `convert-to-llvm`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute
from xdsl.parser import Parser

from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from tests.evaluate import dtype_of

TO_LOOPS = "lower-blas,convert-linalg-to-loops"
TO_LLVM = "convert-scf-to-cf,convert-to-llvm"


def parse(text: str) -> ModuleOp:
    """The module of an MLIR text."""
    return Parser(context(), text).parse_module()


class Compiled:
    """The functions of a module on the loop rung as machine code."""

    def __init__(self, text: str, pipeline: str = f"{TO_LOOPS},{TO_LLVM}", to_loop_rung: str = ""):
        module = parse(text)
        passes.run(context(), module, to_loop_rung)
        self.types = {
            op.sym_name.data: op.function_type.inputs.data for op in module.ops if isinstance(op, FuncOp)
        }
        passes.run(context(), module, pipeline)
        verifier.check(module, "llvm")
        self.module = module
        self.library = engine.load(translate(module))

    def __call__(self, name: str, *args: Any) -> int:
        """The status; arrays are written in place."""
        flat: list[Any] = []
        for arg, t in zip(args, self.types[name], strict=True):
            flat += _pass(arg, t)
        prototype = ctypes.CFUNCTYPE(ctypes.c_int64, *(type(value) for value in flat))
        return prototype(self.library.address(name))(*flat)


_C_TYPES = {"f8": ctypes.c_double, "f4": ctypes.c_float, "i8": ctypes.c_int64, "i4": ctypes.c_int32}
_C_TYPES |= {"i2": ctypes.c_int16, "i1": ctypes.c_int8, "b1": ctypes.c_int8}


def _pass(arg: Any, t: Attribute) -> list[Any]:
    if not isinstance(t, MemRefType):
        return [_C_TYPES[dtype_of(t).str[1:]](np.asarray(arg).item())]
    assert isinstance(arg, np.ndarray)
    assert arg.flags.c_contiguous
    assert arg.dtype == dtype_of(t.element_type)
    shape = t.get_shape()
    assert all(n in (m, DYNAMIC_INDEX) for m, n in zip(arg.shape, shape, strict=True))
    sizes = [ctypes.c_int64(m) for m, n in zip(arg.shape, shape, strict=True) if n == DYNAMIC_INDEX]
    return [ctypes.c_void_p(arg.ctypes.data), *sizes]


def random_arguments(types: Sequence[Attribute], seed: int = 0, dynamic: int = 5) -> list[Any]:
    """Something for each argument; bools and small integers where those are asked for."""
    rng = np.random.default_rng(seed)
    args: list[Any] = []
    for t in types:
        if isinstance(t, MemRefType):
            shape = [dynamic if n == DYNAMIC_INDEX else n for n in t.get_shape()]
            args.append(_random(rng, dtype_of(t.element_type), shape))
        else:
            args.append(_random(rng, dtype_of(t), ())[()])
    return args


def _random(rng: np.random.Generator, dtype: np.dtype[Any], shape: Sequence[int]) -> np.ndarray:
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 2 if dtype.kind == "b" else 9, size=shape).astype(dtype)
