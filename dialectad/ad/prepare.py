"""Bring a function's body into the form that the rules take. Only what varies is touched.

- calls are inlined;
- reverse mode: a `while` counts its iterations, and its first region holds nothing but the condition
  (`prepare_while.py`);
- what `linalg.reduce` and `linalg.generic` do beyond sums, extrema and elementwise functions becomes loops
  (`prepare_linalg.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import func, scf
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue

from dialectad.ad.activity import Activity
from dialectad.ad.prepare_linalg import prepare_generic, prepare_reduce
from dialectad.ad.prepare_while import count_iterations, rotate
from dialectad.walk import walk


def inline_calls(
    block: Block, functions: dict[str, func.FuncOp], keep: Callable[[func.CallOp], bool] = lambda _: False
) -> None:
    """Replace every call of a function with a body by that body, but for those to `keep`."""
    calls = [op for op in walk(block) if isinstance(op, func.CallOp)]
    while calls:
        call = calls.pop()
        callee = functions.get(call.callee.root_reference.data)
        parent = call.parent
        if callee is None or callee.is_declaration or parent is None or keep(call):
            continue
        body = callee.body.block
        mapper: dict[SSAValue, SSAValue] = dict(zip(body.args, call.operands, strict=True))
        for op in tuple(body.ops)[:-1]:
            clone = op.clone(mapper)
            parent.insert_op_before(clone, call)
            calls += [o for o in walk(clone) if isinstance(o, func.CallOp)]
        last = body.last_op
        assert isinstance(last, func.ReturnOp)
        for old, new in zip(call.results, last.operands, strict=True):
            old.replace_all_uses_with(mapper.get(new, new))
        parent.erase_op(call)


def prepare(block: Block, activity: Activity, *, reverse: bool) -> None:
    """Rewrite what varies in `block` for the rules."""
    varying = [op for op in walk(block) if type(op) in _PREPARED and _touches(op, activity)]
    # Inner ops first: a loop that is rewritten takes them along.
    for op in reversed(varying):
        match op:
            case scf.WhileOp():
                if reverse:
                    count_iterations(rotate(op))
            case linalg.ReduceOp():
                prepare_reduce(op)
            case linalg.GenericOp():
                prepare_generic(op, activity)


_PREPARED = (scf.WhileOp, linalg.ReduceOp, linalg.GenericOp)


def _touches(op: Operation, activity: Activity) -> bool:
    """Whether `op` gives, or its regions store away, anything that varies."""
    return any(
        any(map(activity.is_varied, o.results))
        or (not o.results and any(map(activity.is_varied, o.operands)))
        for o in walk(op)
    )
