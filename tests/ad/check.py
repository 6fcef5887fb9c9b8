"""The numerical checker of derivatives: one call per case, both modes, to any order.

`check(text, *args)` takes the text of a module with a function `@f`, differentiates it in both modes with
respect to every floating-point argument, and compares

- both primal results with the undifferentiated function's;
- the tangent with central finite differences;
- the cotangents with the tangent: <dy, ty> = <dx, tx>.

With `order=2` the derivative itself is then checked in the same way: reverse over reverse, forward over
reverse, and reverse over forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType
from xdsl.ir import Attribute, Block, Region
from xdsl.parser import Parser

from dialectad import verifier
from dialectad.ad.algebra import is_differentiable
from dialectad.ad.differentiate import DifferentiatePass
from dialectad.dialects import context
from dialectad.dialects.ad import JVPOp, VJPOp
from tests.evaluate import evaluate


def parse(text: str) -> ModuleOp:
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def _function(module: ModuleOp, name: str) -> func.FuncOp:
    return next(op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == name)


def request_vjp(module: ModuleOp, name: str, new: str) -> None:
    """Add `@new`, which gives the cotangents of all float arguments from those of all float results."""
    f = _function(module, name)
    inputs, outputs = list(f.function_type.inputs.data), list(f.function_type.outputs.data)
    active = [i for i, t in enumerate(inputs) if is_differentiable(t)]
    seeds = [i for i, t in enumerate(outputs) if is_differentiable(t)]
    block = Block(arg_types=[*inputs, *(outputs[i] for i in seeds)])
    op = VJPOp(name, block.args, active, seeds, [*outputs, *(inputs[i] for i in active)])
    block.add_ops([op, func.ReturnOp(*op.results)])
    module.body.block.add_op(
        func.FuncOp(new, ([a.type for a in block.args], list(op.result_types)), Region(block))
    )


def request_jvp(module: ModuleOp, name: str, new: str) -> None:
    """Add `@new`, which gives the tangents of all float results from those of all float arguments."""
    f = _function(module, name)
    inputs, outputs = list(f.function_type.inputs.data), list(f.function_type.outputs.data)
    active = [i for i, t in enumerate(inputs) if is_differentiable(t)]
    block = Block(arg_types=[*inputs, *(inputs[i] for i in active)])
    op = JVPOp(name, block.args, active, [*outputs, *(t for t in outputs if is_differentiable(t))])
    block.add_ops([op, func.ReturnOp(*op.results)])
    module.body.block.add_op(
        func.FuncOp(new, ([a.type for a in block.args], list(op.result_types)), Region(block))
    )


def differentiate(module: ModuleOp) -> ModuleOp:
    DifferentiatePass().apply(context(), module)
    module.verify()
    verifier.check(module)
    return module


def _dtype(type_: Attribute) -> np.dtype:
    scalar = type_.element_type if isinstance(type_, TensorType) else type_
    assert isinstance(scalar, AnyFloat)
    return np.dtype(f"f{scalar.bitwidth // 8}")


def check(text: str | ModuleOp, *args: Any, order: int = 1, name: str = "f", tolerance: float = 1.0) -> None:
    """Check the derivatives of `@f` at `args`; see the module's docstring."""
    module = parse(text) if isinstance(text, str) else text.clone()
    f = _function(module, name)
    types = list(f.function_type.inputs.data)
    arguments: list[Any] = [
        np.asarray(a, _dtype(t)) if is_differentiable(t) else a for a, t in zip(args, types, strict=True)
    ]
    request_vjp(module, name, f"{name}_pullback")
    request_jvp(module, name, f"{name}_pushforward")
    if order > 1:
        higher = module.clone()
    differentiate(module)
    _compare(module, name, arguments, types, list(f.function_type.outputs.data), tolerance)
    if order > 1:
        # A random direction makes an argument of what was a cotangent or tangent.
        rng = np.random.default_rng(1)
        outs = evaluate(module, name, arguments)
        seeds = [
            rng.standard_normal(np.shape(o)).astype(np.asarray(o).dtype)
            for o, t in zip(outs, f.function_type.outputs.data, strict=True)
            if is_differentiable(t)
        ]
        moves = [
            rng.standard_normal(np.shape(a)).astype(np.asarray(a).dtype)
            for a, t in zip(arguments, types, strict=True)
            if is_differentiable(t)
        ]
        for direction, inputs in (("pullback", seeds), ("pushforward", moves)):
            new = f"{name}_{direction}"
            check(higher, *arguments, *inputs, order=order - 1, name=new, tolerance=tolerance * 10)


def _compare(
    module: ModuleOp,
    name: str,
    args: Sequence[Any],
    types: Sequence[Attribute],
    out_types: Sequence[Attribute],
    tolerance: float,
) -> None:
    rng = np.random.default_rng(0)
    active = [i for i, t in enumerate(types) if is_differentiable(t)]
    seeds = [i for i, t in enumerate(out_types) if is_differentiable(t)]
    single = any(_dtype(types[i]) == np.float32 for i in active) or any(
        _dtype(out_types[i]) == np.float32 for i in seeds
    )
    eps, rtol = (1e-2, 3e-2) if single else (1e-6, 1e-5)
    rtol *= tolerance
    exact = 1e-4 if single else 1e-9

    outs = evaluate(module, name, args)
    dys = [rng.standard_normal(np.shape(outs[i])).astype(_dtype(out_types[i])) for i in seeds]
    txs = [rng.standard_normal(np.shape(args[i])).astype(_dtype(types[i])) for i in active]
    back = evaluate(module, f"{name}_pullback", [*args, *dys])
    ahead = evaluate(module, f"{name}_pushforward", [*args, *txs])
    for result in (back, ahead):
        for got, wanted in zip(result[: len(outs)], outs, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-6 if single else 1e-12, err_msg="primal")
    dxs, tys = back[len(outs) :], ahead[len(outs) :]

    def shifted(by: float) -> list[Any]:
        moved = list(args)
        for i, t in zip(active, txs, strict=True):
            moved[i] = (args[i] + by * t).astype(_dtype(types[i]))
        results = evaluate(module, name, moved)
        return [np.asarray(results[i], np.float64) for i in seeds]

    for up, down, ty in zip(shifted(eps), shifted(-eps), tys, strict=True):
        finite = (up - down) / (2 * eps)
        atol = rtol * max(1.0, float(np.max(np.abs(finite), initial=0)))
        np.testing.assert_allclose(ty, finite, rtol=rtol, atol=atol, err_msg="tangent")
    for i, dx in zip(active, dxs, strict=True):
        assert np.shape(dx) == np.shape(args[i]), "the cotangent's shape is its argument's"
    left = sum(float(np.sum(np.float64(a) * b)) for a, b in zip(dys, tys, strict=True))
    right = sum(float(np.sum(np.float64(a) * b)) for a, b in zip(dxs, txs, strict=True))
    size = sum(float(np.sum(np.abs(np.float64(a) * b))) for a, b in zip(dxs, txs, strict=True))
    atol = exact * max(1.0, size)
    np.testing.assert_allclose(left, right, rtol=exact, atol=atol, err_msg="<dy, ty> = <dx, tx>")


def gradient(text: str, *args: Any, seeds: Sequence[Any] | None = None) -> list[Any]:
    """The cotangents of the float arguments, of ones."""
    module = parse(text)
    request_vjp(module, "f", "pullback")
    outs = evaluate(module, "f", args)
    differentiate(module)
    ones = [np.ones_like(o) for o in outs if np.asarray(o).dtype.kind == "f"] if seeds is None else seeds
    return evaluate(module, "pullback", [*args, *ones])[len(outs) :]
