"""Calls of compiled functions, with tape values: one operation, whose derivative is compiled at its level."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from dialectad.errors import CompileError
from dialectad.frontend import pytrees, staging
from dialectad.frontend.complexes import flatten_whole
from dialectad.frontend.function import Function
from dialectad.frontend.program import (
    ArrayType,
    Constant,
    FromArgument,
    Program,
    ScalarType,
    Signature,
    Static,
    hashable,
)
from dialectad.tape import kernels, memory
from dialectad.tape.memory import deepest, settle
from dialectad.tape.plans import Forward, Operation, kind_in, planned
from dialectad.tape.values import TapeArray

_PLANS: weakref.WeakKeyDictionary[Function, dict[Any, tuple[Forward, Program]]] = weakref.WeakKeyDictionary()


def call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`function(*args, **kwargs)`, recorded; arguments that it writes into are written."""
    leaves: list[Any] = []
    structures = []
    for arg in (*args, *kwargs.values()):
        found, structure = pytrees.flatten(arg)
        leaves += found
        structures.append(structure)
    places = [i for i, leaf in enumerate(leaves) if _is_operand(leaf)]
    tape = deepest(leaves)
    assert tape is not None
    operands = [settle(leaves[i], tape) for i in places]
    kinds = tuple([kind_in(x, tape) for x in operands])
    statics = tuple([hashable(leaf) for i, leaf in enumerate(leaves) if i not in places])
    key = (tuple(structures), tuple(kwargs), statics, kinds)
    known = _PLANS.setdefault(function, {})
    if key not in known:
        rest, other = iter(kinds), iter(statics)
        types = tuple(
            [next(rest).leaf_type if i in places else Static(next(other)) for i in range(len(leaves))]
        )
        signature = Signature(tuple(structures), tuple(kwargs), types)
        program = function.program(signature)
        operation = _operation(function, leaves, places, structures, tuple(kwargs), program)
        known[key] = planned(operation, operands, kinds), program
    forward, program = known[key]
    results, finals = forward(*operands)
    for leaf, final in zip(sorted(program.inout), finals, strict=True):
        target = leaves[leaf]
        if isinstance(target, TapeArray):
            memory.store(target, ..., final)
        else:
            target[...] = final
    rest = iter(results)
    made = [leaves[r.leaf] if isinstance(r, FromArgument) else next(rest) for r in program.results]
    return program.structure.unflatten(iter(made))


def _is_operand(leaf: Any) -> bool:
    from dialectad.tape.kinds import is_numeric

    return is_numeric(leaf)


def _operation(
    function: Function,
    leaves: list[Any],
    places: list[int],
    structures: list[pytrees.TreeDef],
    keywords: tuple[str, ...],
    program: Program,
) -> Operation:
    """A function of the operands that writes into none: it gives the results, and what was written."""
    fixed = {i: leaf for i, leaf in enumerate(leaves) if i not in places}

    def pure(callee: Any) -> Any:
        def run(*operands: Any) -> Any:
            given = dict(zip(places, operands, strict=True)) | fixed
            for i in program.inout:
                given[i] = given[i].copy()
            rest = iter([given[i] for i in range(len(given))])
            made = [structure.unflatten(rest) for structure in structures]
            positional = made[: len(made) - len(keywords)]
            result = callee()(*positional, **dict(zip(keywords, made[len(positional) :], strict=True)))
            found = flatten_whole(result)[0]
            results = [
                leaf
                for leaf, r in zip(found, program.results, strict=True)
                if not isinstance(r, FromArgument)
            ]
            return results, [given[i] for i in sorted(program.inout)]

        return run

    def again(*operands: Any) -> Any:
        raise AssertionError("operands of a call belong to one tape")

    name = getattr(function, "__name__", "f")
    parameters = ", ".join(f"x{i}" for i in range(len(places)))
    return Operation(
        name,
        f"pure({parameters})",
        {"pure": pure(lambda: function)},
        pure(lambda: staging.call(function.function)),
        again,
        kernel=lambda application, _: kernels.native(application, function.level),
        example=lambda: _example(program),
    )


def _example(program: Program) -> Any:
    """Results like those of the function, and what it writes into, without a run, which may have effects."""
    results = [_zero(r) for r in program.results if not isinstance(r, FromArgument)]
    return results, [_zero(program.signature.leaves[i]) for i in sorted(program.inout)]


def _zero(type_: Any) -> Any:
    match type_:
        case ArrayType():
            if type_.numbers is None:
                raise CompileError(
                    "a compiled function with arrays of shapes that are known only when it runs, on a tape",
                    hint="call the function itself, without jit",
                )
            return np.zeros(type_.numbers, type_.dtype)
        case ScalarType():
            zero = type_.dtype.type(0)
            return zero.item() if type_.weak else zero
        case Constant():
            return type_.value
        case _:
            raise AssertionError("neither a result nor an argument that is written into")
