"""The passes are linear, and take chains of any length."""

from __future__ import annotations

import time

import pytest
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType, f64
from xdsl.ir import Attribute, Block, Region, SSAValue

from dialectad import passes
from dialectad.dialects import context


def chain(length: int, type_: Attribute) -> ModuleOp:
    """x = x * y + y, again and again."""
    block = Block(arg_types=[type_, type_])
    value: SSAValue = block.args[0]
    for _ in range(length):
        product = arith.MulfOp(value, block.args[1])
        total = arith.AddfOp(product.result, block.args[1])
        block.add_ops([product, total])
        value = total.result
    block.add_op(func.ReturnOp(value))
    return ModuleOp([func.FuncOp("f", FunctionType.from_lists([type_, type_], [type_]), Region(block))])


def seconds(module: ModuleOp, name: str) -> float:
    start = time.process_time()
    passes.run(context(), module, name)
    return time.process_time() - start


@pytest.mark.parametrize(
    "name",
    [
        "canonicalize",
        "cse",
        "dce",
        "raise-to-blas",
        "hoist",
        "order-products",
        "stack-products",
        "batch-products",
        "fuse-elementwise",
    ],
)
@pytest.mark.parametrize("type_", [f64, TensorType(f64, [8])], ids=["scalar", "tensor"])
def test_time_grows_with_the_program(name: str, type_: Attribute) -> None:
    short = min(seconds(chain(500, type_), name) for _ in range(3))
    long = min(seconds(chain(3000, type_), name) for _ in range(2))
    assert long < 6 * 2.5 * short + 0.01, f"{short:.3f} s for 1000 ops, {long:.3f} s for 6000"
