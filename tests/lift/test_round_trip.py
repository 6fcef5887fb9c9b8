"""What LLVM makes of the sample programs, and of their gradients, is read and written without a change."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, ModuleOp
from xdsl.dialects.func import FuncOp

import dialectad as da
from dialectad import verifier
from dialectad.frontend.function import Lowered
from dialectad.lift.llvm_reader import read
from dialectad.lift.optimize_llvm import optimize_text
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from tests.lower.machine import random_arguments
from tests.mlir_opt import assert_valid_mlir
from tests.samples import SAMPLES, Sample

IDS = [sample.name for sample in SAMPLES]


def programs(sample: Sample) -> list[Lowered]:
    """The program, and its gradient."""
    return [da.jit(sample.function).lower(*sample.args), da.grad(sample.function).lower(*sample.args)]


def public(module: ModuleOp) -> FuncOp:
    """The function that the others belong to."""
    (main,) = (
        op for op in module.ops if isinstance(op, FuncOp) and op.sym_visibility is None and op.body.blocks
    )
    return main


def run(llvm_ir: str, main: FuncOp) -> list[Any]:
    """The status and all buffers after a call with random arguments."""
    library = engine.load(llvm_ir)
    flat: list[Any] = []
    types = main.function_type.inputs.data
    args = random_arguments(types)
    for arg, t in zip(args, types, strict=True):
        if isinstance(t, MemRefType):
            flat.append(ctypes.c_void_p(arg.ctypes.data))
            flat += [
                ctypes.c_int64(m) for m, n in zip(arg.shape, t.get_shape(), strict=True) if n == DYNAMIC_INDEX
            ]
        else:
            flat.append(np.ctypeslib.as_ctypes_type(arg.dtype)(arg.item()))
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, *(type(value) for value in flat))
    status = prototype(library.address(main.sym_name.data))(*flat)
    return [status, *args]


def written_again(text: str) -> str:
    """The text after reading and writing it, which LLVM takes."""
    module = read(text)
    verifier.check(module, "llvm")
    return translate(module)


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_results_stay(sample: Sample):
    for lowered in programs(sample):
        main = public(lowered.module("loop"))
        llvm_ir = translate(lowered.module("llvm"))
        expected = run(llvm_ir, main)
        for text in (optimize_text(llvm_ir), str(engine.optimize(llvm_ir))):
            for one, other in zip(expected, run(written_again(text), main), strict=True):
                np.testing.assert_allclose(
                    other, one, rtol=1e-6 if sample.name == "single_precision" else 1e-9
                )


def test_stock_mlir_takes_what_is_read():
    assert_valid_mlir(
        str(read(optimize_text(translate(lowered.module("llvm")))))
        for sample in SAMPLES
        for lowered in programs(sample)
    )


@pytest.mark.parametrize("sample", SAMPLES[::5], ids=IDS[::5])
def test_a_second_time_changes_nothing(sample: Sample):
    for lowered in programs(sample):
        once = written_again(optimize_text(translate(lowered.module("llvm"))))
        assert written_again(once) == once
