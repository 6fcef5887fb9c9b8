"""Memory planning: nothing that is needed together overlaps, and what isn't shares memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import memref
from xdsl.dialects.builtin import IntegerAttr, MemRefType, ModuleOp

from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.lower import plan_memory
from dialectad.lower.llvm.function import apart
from dialectad.lower.plan_memory import ALIGNMENT, ARENA, Allocation, pack
from dialectad.tools.parsing import Chunk, parse
from tests.evaluate import evaluate
from tests.lower.tensor_programs import program
from tests.lower.test_bufferize import arguments, check, function_of, module_of


def planned(text: str) -> ModuleOp:
    module = parse(context(), Chunk("test.mlir", text))
    verifier.check(module, "loop")
    passes.run(context(), module, "plan-memory")
    verifier.check(module, "loop")
    return module


def arena_size(module: ModuleOp) -> int:
    for op in module.walk():
        if isinstance(op, memref.AllocOp) and ARENA in op.attributes:
            assert isinstance(op.memref.type, MemRefType)
            return op.memref.type.get_shape()[0]
    return 0


def offsets(module: ModuleOp) -> list[int]:
    found: list[int] = []
    for op in module.walk():
        if isinstance(op, memref.ViewOp):
            value: Any = op.byte_shift.owner.value  # pyright: ignore[reportAttributeAccessIssue]
            assert isinstance(value, IntegerAttr)
            found.append(value.value.data)
    return found


@pytest.fixture
def only_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_memory, "_ON_STACK_EACH", 0)


BIG = "memref<4096xf64>"
BYTES = apart(4096 * 8)


def test_buffers_needed_one_after_the_other_share_memory() -> None:
    module = planned(f"""
func.func @f(%x: f64, %o: {BIG}) {{
  %a = memref.alloc() : {BIG}
  linalg.fill ins(%x : f64) outs(%a : {BIG})
  "memref.copy"(%a, %o) : ({BIG}, {BIG}) -> ()
  %b = memref.alloc() : {BIG}
  linalg.fill ins(%x : f64) outs(%b : {BIG})
  "memref.copy"(%b, %o) : ({BIG}, {BIG}) -> ()
  memref.dealloc %a : {BIG}
  memref.dealloc %b : {BIG}
  func.return
}}""")
    assert arena_size(module) == BYTES
    assert not any(isinstance(op, memref.DeallocOp) for op in module.walk())


def test_buffers_needed_together_do_not() -> None:
    module = planned(f"""
func.func @f(%x: f64, %o: {BIG}) {{
  %a = memref.alloc() : {BIG}
  linalg.fill ins(%x : f64) outs(%a : {BIG})
  %b = memref.alloc() : {BIG}
  "memref.copy"(%a, %b) : ({BIG}, {BIG}) -> ()
  "memref.copy"(%b, %o) : ({BIG}, {BIG}) -> ()
  func.return
}}""")
    assert arena_size(module) == 2 * BYTES


def test_what_a_loop_leaves_for_its_next_iteration_is_kept() -> None:
    """%a is read before it is written in the loop; %b is written anew in every iteration."""
    module = planned(f"""
func.func @f(%x: f64, %n: index, %o: {BIG}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : {BIG}
  %b = memref.alloc() : {BIG}
  scf.for %i = %c0 to %n step %c1 {{
    "memref.copy"(%a, %o) : ({BIG}, {BIG}) -> ()
    linalg.fill ins(%x : f64) outs(%a : {BIG})
    linalg.fill ins(%x : f64) outs(%b : {BIG})
    "memref.copy"(%b, %o) : ({BIG}, {BIG}) -> ()
  }}
  func.return
}}""")
    assert arena_size(module) == 2 * BYTES


def test_temporaries_of_an_iteration_share_memory() -> None:
    module = planned(f"""
func.func @f(%x: f64, %n: index, %o: {BIG}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : {BIG}
  %b = memref.alloc() : {BIG}
  scf.for %i = %c0 to %n step %c1 {{
    linalg.fill ins(%x : f64) outs(%a : {BIG})
    "memref.copy"(%a, %o) : ({BIG}, {BIG}) -> ()
    linalg.fill ins(%x : f64) outs(%b : {BIG})
    "memref.copy"(%b, %o) : ({BIG}, {BIG}) -> ()
  }}
  func.return
}}""")
    assert arena_size(module) == BYTES


def test_a_partial_write_does_not_begin_anew() -> None:
    module = planned(f"""
func.func @f(%x: f64, %n: index, %o: {BIG}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : {BIG}
  %b = memref.alloc() : {BIG}
  scf.for %i = %c0 to %n step %c1 {{
    memref.store %x, %a[%i] : {BIG}
    "memref.copy"(%a, %o) : ({BIG}, {BIG}) -> ()
    linalg.fill ins(%x : f64) outs(%b : {BIG})
    "memref.copy"(%b, %o) : ({BIG}, {BIG}) -> ()
  }}
  func.return
}}""")
    assert arena_size(module) == 2 * BYTES


def test_buffers_that_go_round_are_all_kept_for_the_whole_loop() -> None:
    module = planned(f"""
func.func @f(%x: f64, %n: index, %o: {BIG}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : {BIG}
  linalg.fill ins(%x : f64) outs(%a : {BIG})
  %b = memref.alloc() : {BIG}
  linalg.fill ins(%x : f64) outs(%b : {BIG})
  %t = memref.alloc() : {BIG}
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%p = %a, %q = %b) -> ({BIG}, {BIG}) {{
    "memref.copy"(%p, %t) : ({BIG}, {BIG}) -> ()
    "memref.copy"(%t, %q) : ({BIG}, {BIG}) -> ()
    scf.yield %q, %p : {BIG}, {BIG}
  }}
  "memref.copy"(%r#1, %o) : ({BIG}, {BIG}) -> ()
  func.return
}}""")
    assert arena_size(module) == 3 * BYTES


def test_small_buffers_go_on_the_stack_big_ones_and_those_too_many_do_not() -> None:
    small = "memref<1024xf64>"  # 8 KiB and the gap after it
    uses = "\n".join(
        f"%v{n} = memref.alloc() : {small}\nlinalg.fill ins(%x : f64) outs(%v{n} : {small})"
        for n in range(20)
    )
    reads = "\n".join(f'"memref.copy"(%v{n}, %o) : ({small}, {small}) -> ()' for n in range(20))
    module = planned(f"func.func @f(%x: f64, %o: {small}) {{\n{uses}\n{reads}\nfunc.return\n}}")
    on_stack = 128 * 1024 // apart(8192)
    assert sum(isinstance(op, memref.AllocaOp) for op in module.walk()) == on_stack
    assert arena_size(module) == (20 - on_stack) * apart(8192)


def test_dynamic_and_unused_allocations() -> None:
    module = planned("""
func.func @f(%x: f64, %n: index) {
  %a = memref.alloc(%n) : memref<?xf64>
  linalg.fill ins(%x : f64) outs(%a : memref<?xf64>)
  %b = memref.alloc() : memref<8xf64>
  memref.dealloc %b : memref<8xf64>
  memref.dealloc %a : memref<?xf64>
  func.return
}""")
    names = [op.name for op in module.walk()]
    assert names.count("memref.alloc") == 1
    assert names.count("memref.dealloc") == 1
    assert "memref.alloca" not in names


@pytest.mark.usefixtures("only_arena")
def test_buffers_of_no_elements() -> None:
    module = planned("""
func.func @f(%x: f64, %o: memref<0x3xf64>) {
  %a = memref.alloc() : memref<0x3xf64>
  linalg.fill ins(%x : f64) outs(%a : memref<0x3xf64>)
  "memref.copy"(%a, %o) : (memref<0x3xf64>, memref<0x3xf64>) -> ()
  func.return
}""")
    evaluate(module, "f", [1.0, np.empty((0, 3))])


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(0, 20)), min_size=1, max_size=40)
)
def test_packing(buffers: list[tuple[int, int, int]]) -> None:
    """Lifetimes that overlap get disjoint, aligned memory, and never more than all together."""
    op: Any = SimpleNamespace()
    allocations = [
        Allocation(op, size * ALIGNMENT, start=start, end=start + length) for start, length, size in buffers
    ]
    total = pack(allocations)
    assert total <= sum(a.size for a in allocations)
    for n, a in enumerate(allocations):
        assert a.offset % ALIGNMENT == 0
        assert a.offset + a.size <= total
        for b in allocations[:n]:
            if a.start <= b.end and b.start <= a.end:
                assert a.offset + a.size <= b.offset or b.offset + b.size <= a.offset


@pytest.mark.usefixtures("only_arena")
def test_random_programs_in_an_arena() -> None:
    for seed in range(60):
        text = program(seed)
        args = arguments(function_of(module_of(text)), np.random.default_rng(seed))
        args[-2:] = [np.bool_(seed % 2), np.int64(seed % 3)]
        module = check(text, "bufferize,plan-memory", args)
        assert all(offset % ALIGNMENT == 0 for offset in offsets(module))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_planning_twice_changes_nothing(seed: int) -> None:
    module = module_of(program(seed))
    passes.run(context(), module, "bufferize,plan-memory")
    before = str(module)
    passes.run(context(), module, "plan-memory")
    assert str(module) == before
