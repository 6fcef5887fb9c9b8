"""No pass changes a gradient: what `differentiate` writes has caches, reversed loops and accumulation."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, TensorType, f64
from xdsl.ir import Attribute, Block, Region

from dialectad.dialects import ad
from tests.evaluate import evaluate
from tests.rewrite.programs import Programs, inputs
from tests.rewrite.test_properties import ALL, assert_same, run


def _is_float(type_: Attribute) -> bool:
    return type_ == f64 or (isinstance(type_, TensorType) and type_.element_type == f64)


def gradient(module: ModuleOp) -> tuple[list[Attribute], list[Attribute]]:
    """Add `g`, the reverse mode of `f`, to a module; gives the types of the arguments and of the seeds."""
    (f,) = (op for op in module.ops if isinstance(op, func.FuncOp))
    f.properties["sym_visibility"] = StringAttr("private")
    arguments, results = list(f.function_type.inputs), list(f.function_type.outputs)
    active = [i for i, type_ in enumerate(arguments) if _is_float(type_)]
    seeds = [i for i, type_ in enumerate(results) if _is_float(type_)]
    cotangents = [results[i] for i in seeds]
    block = Block(arg_types=[*arguments, *cotangents])
    types = [*results, *(arguments[i] for i in active)]
    request = ad.VJPOp("f", block.args, active, seeds, types)
    block.add_ops([request, func.ReturnOp(*request.results)])
    g = func.FuncOp("g", FunctionType.from_lists([*arguments, *cotangents], types), Region(block))
    module.body.block.add_op(g)
    return arguments, cotangents


def _positive(type_: Attribute, rng: np.random.Generator) -> object:
    if not isinstance(type_, TensorType):
        return float(rng.uniform(0.2, 1.2))
    return rng.uniform(0.2, 1.2, type_.get_shape())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1_000_000), size=st.integers(1, 20))
def test_gradients_are_the_same(seed: int, size: int) -> None:
    program = Programs(seed, size)
    arguments, cotangents = gradient(program.module)
    rng = np.random.default_rng(seed)
    values = inputs(program, seed)
    args = [_positive(t, rng) if _is_float(t) else v for t, v in zip(arguments, values, strict=True)]
    args += [_positive(t, rng) for t in cotangents]
    before = run(program.module, "differentiate,inline")
    expected = evaluate(before, "g", args)
    assert_same(expected, evaluate(run(before, ALL), "g", args), exact=False)
    optimised_first = run(program.module, f"canonicalize,cse,dce,raise-to-blas,differentiate,inline,{ALL}")
    assert_same(expected, evaluate(optimised_first, "g", args), exact=False)
