"""What is cached: values or partial derivatives, whichever are fewer bytes."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import Float32Type, Float64Type, IndexType, MemRefType, i1, i8, i32, i64
from xdsl.ir import Operation

from dialectad.ad.choose import size_of
from dialectad.ad.differentiate import DifferentiatePass
from dialectad.dialects import ad, context
from tests.ad.check import parse
from tests.ad.memory_programs import Program

F64 = Float64Type()


@pytest.mark.parametrize(
    ("type_", "size"),
    [(F64, 8), (Float32Type(), 4), (IndexType(), 8), (i64, 8), (i32, 4), (i8, 1), (i1, 1)],
    ids=str,
)
def test_size(type_, size: int) -> None:
    assert size_of(type_) == size


def test_memory_has_no_size() -> None:
    assert size_of(MemRefType(F64, [4])) is None


def caches(body: str, types: str = "memref<8xf64>") -> list[str]:
    """The types of what is cached in a loop over %i, in which %s is the loop's state."""
    program = Program(
        f"""
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c8 = arith.constant 8 : index
        %one = memref.load %x0[%c0] : memref<8xf64>
        %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %one) -> (f64) {{
          {body}
        }}
        memref.store %r, %y[] : memref<f64>""",
        [types],
        ["memref<f64>"],
    )
    module = parse(program.with_requests())
    DifferentiatePass(level="loop").apply(context(), module)
    made: dict[Operation, None] = {}
    for function in module.ops:
        if "vjp" in str(function.properties.get("sym_name")):
            made |= {op: None for op in function.walk() if isinstance(op, ad.CacheOp)}
    return [str(op.result.type.element_type) for op in made]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_derivative_instead_of_the_value() -> None:
    """cos(s) in place of s, and not both."""
    assert caches("%t = math.sin %s : f64\nscf.yield %t : f64") == ["f64"]


def test_what_is_read_again_is_not_cached() -> None:
    body = """
    %v = memref.load %x0[%i] : memref<8xf64>
    %t = arith.addf %s, %v : f64
    scf.yield %t : f64"""
    assert caches(body) == []


def test_one_partial_for_two_values() -> None:
    """s * v with v read again: only s is lost."""
    body = """
    %v = memref.load %x0[%i] : memref<8xf64>
    %p = arith.mulf %s, %v : f64
    %q = arith.mulf %p, %v : f64
    scf.yield %q : f64"""
    assert caches(body) == ["f64"]


def test_a_comparison_is_a_byte() -> None:
    """Which of two values was chosen takes less room than the values."""
    body = """
    %v = memref.load %x0[%i] : memref<8xf64>
    %d = arith.addf %s, %v : f64
    %c = arith.cmpf ogt, %d, %one : f64
    %t = arith.select %c, %d, %v : f64
    scf.yield %t : f64"""
    assert caches(body) == ["i1"]


def test_single_precision() -> None:
    body = """
    %h = arith.truncf %s : f64 to f32
    %k = arith.mulf %h, %h : f32
    %t = arith.extf %k : f32 to f64
    scf.yield %t : f64"""
    assert caches(body) == ["f32"]


def test_what_the_loop_computes_anyway_is_not_computed_again() -> None:
    """The cosine, which is in memory anyway, and nothing else is needed for the derivative of the sine."""
    body = """
        %t = math.sin %s : f64
        %u = math.cos %s : f64
        memref.store %u, %x0[%i] : memref<8xf64>
        scf.yield %t : f64"""
    assert caches(body) == ["f64"]
