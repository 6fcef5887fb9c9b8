"""Programs of the linalg rung, from bufferization down to machine code, against the interpreter."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import IntegerAttr, TensorType
from xdsl.dialects.func import FuncOp

from dialectad import passes
from dialectad.dialects import context
from tests.evaluate import dtype_of, evaluate
from tests.lower.machine import TO_LLVM, TO_LOOPS, Compiled, parse
from tests.lower.tensor_programs import program
from tests.lower.test_bufferize import CASES
from tests.mlir_opt import assert_valid_mlir

TO_LOOP_RUNG = "bufferize,plan-memory"
CLEANED = f"{TO_LOOPS},canonicalize,cse,{TO_LLVM}"


def agrees(text: str, pipeline: str, seed: int, last: list[Any] | None = None) -> None:
    """Results and arguments after the call are those of the interpreter."""
    module = parse(text)
    function = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "f")
    rng = np.random.default_rng(seed)
    args = [_value(rng, t) for t in function.function_type.inputs]
    args[len(args) - len(last or []) :] = last or []
    wanted = evaluate(module, "f", copy.deepcopy(args))
    compiled = Compiled(text, pipeline, TO_LOOP_RUNG)
    inout = _inout(function)
    outs = [
        np.full(np.shape(w), np.nan if np.asarray(w).dtype.kind == "f" else 1, np.asarray(w).dtype)
        for k, w in enumerate(wanted)
        if k not in inout
    ]
    for _ in range(2):  # the second call meets the arena of the first
        call_args = copy.deepcopy(args)
        assert compiled("f", *call_args, *outs) == 0
        fresh = iter(outs)
        for k, want in enumerate(wanted):
            got = call_args[inout[k]] if k in inout else next(fresh)
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def _inout(function: FuncOp) -> dict[int, int]:
    """Result position -> position of the argument that takes it."""
    found: dict[int, int] = {}
    for position, attributes in enumerate(function.arg_attrs or ()):
        if isinstance(k := attributes.data.get("dialectad.inout"), IntegerAttr):
            found[k.value.data] = position
    return found


def _value(rng: np.random.Generator, t: Any) -> Any:
    if isinstance(t, TensorType):
        dtype, shape = dtype_of(t.element_type), [5 if n < 0 else n for n in t.get_shape()]
    else:
        dtype, shape = dtype_of(t), []
    values = rng.normal(size=shape) if dtype.kind == "f" else rng.integers(0, 2, shape)
    return np.asarray(values).astype(dtype) if isinstance(t, TensorType) else dtype.type(values)


@pytest.mark.parametrize("name", CASES)
def test_cases_of_bufferization(name: str) -> None:
    agrees(CASES[name][0], CLEANED, 0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.integers(0, 2), p=st.booleans(), clean=st.booleans())
def test_random_programs(seed: int, k: int, p: bool, clean: bool) -> None:
    pipeline = CLEANED if clean else f"{TO_LOOPS},{TO_LLVM}"
    agrees(program(seed), pipeline, seed, [np.bool_(p), np.int64(k)])


def test_stock_mlir_takes_the_llvm_rung() -> None:
    texts: list[str] = []
    for text in [*(case[0] for case in CASES.values()), *(program(seed) for seed in range(5))]:
        module = parse(text)
        passes.run(context(), module, f"{TO_LOOP_RUNG},{CLEANED}")
        texts.append(str(module))
    assert_valid_mlir(texts)
