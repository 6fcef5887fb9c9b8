"""Kernels: the derivative of one application of a NumPy function, as Python source that calls NumPy.

There is no table of derivatives here. The function is traced, once for the kinds of its operands, by the
frontend; the pass `differentiate` makes its pullback (or pushforward) with the rules of `dialectad.ad`; and
that is printed:

    np.tanh(x), x: float64    =>    d0 * (1.0 - r0 * r0)

The code refers to operands as `x0`, `x1`, ..., to results as `r0`, ..., and to the cotangents of the results
(or the tangents of the active operands) as `d0`, ... What it refers to is what the record has to keep.

What has no short form in NumPy (the pullback of `cumprod` is a loop) is called as native code instead: see
`native`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xdsl.dialects import func
from xdsl.ir import SSAValue

from dialectad import passes
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.frontend import complexes, dtypes, pytrees
from dialectad.frontend.function import Function
from dialectad.frontend.products import jvp_of, vjp_of
from dialectad.frontend.program import (
    ArrayType,
    Constant,
    FromArgument,
    Program,
    ScalarType,
    Signature,
    trace_program,
)
from dialectad.levels import Level
from dialectad.rewrite import constants
from dialectad.runtime import collector
from dialectad.tape.kinds import Mode
from dialectad.tape.printing import Printer, Spelling, Unprintable
from dialectad.tape.printing.text import Text

LEVEL = Level("linalg")
_CLEAN = "canonicalize,cse,dce,raise-to-blas"
_PIPELINE = f"{_CLEAN},differentiate,inline,{_CLEAN}"

Primitive = Callable[..., Any]
LeafType = ArrayType | ScalarType


@dataclass(frozen=True)
class Application:
    """A function applied to operands of known types."""

    primitive: Primitive
    """The function of the operands only."""
    operands: tuple[LeafType, ...]
    active: tuple[int, ...]
    """The operands to differentiate by."""
    structure: pytrees.TreeDef
    """Of the result."""
    results: tuple[LeafType, ...]
    """The leaves of the result."""
    mode: Mode

    @property
    def constant(self) -> tuple[int, ...]:
        """The operands that are not active."""
        return tuple(i for i in range(len(self.operands)) if i not in self.active)


@dataclass(frozen=True)
class Kernel:
    """Source that gives the contributions to the active operands (or the tangents of the results)."""

    statements: tuple[str, ...]
    results: tuple[str | None, ...]
    """Expressions; None is zero."""
    fresh: tuple[bool, ...]
    """Which of them share memory with nothing else."""
    used: frozenset[str]
    """The names of operands, results and cotangents that occur."""
    constants: dict[str, Any] = field(default_factory=dict)
    """Objects that the source refers to by name."""
    is_native: bool = False
    """Whether it is compiled, and so has seen to broadcasting."""


@collector.paused()
def kernel(application: Application, spelling: Spelling) -> Kernel:
    """The derivative of an application.

    Raises
    ------
    CompileError
        If the function can't be traced or differentiated.
    """
    program = _traced(application)
    passes.run(context(), program.module, _PIPELINE)
    try:
        return _printed(application, program, spelling)
    except Unprintable:
        return native(application)


def _traced(application: Application) -> Program:
    structure, seeds = _seeds(application)
    groups = [
        [application.operands[i] for i in order] for order in (application.active, application.constant)
    ]
    signature = Signature(
        tuple(
            _in_parts(tree, iter(types))
            for tree, types in (*((_tuple(len(types)), types) for types in groups), (structure, seeds))
        ),
        (),
        tuple(part for type_ in (*groups[0], *groups[1], *seeds) for _, part in _parts(type_)),
    )
    both = derivative(application)

    def flat(*args: Any) -> list[Any]:
        return pytrees.flatten(both(*args))[0]

    program = trace_program(flat, signature, "kernel")
    wanted = [part for type_ in (*application.results, *_outputs(application)) for part in _parts(type_)]
    if len(program.results) != len(wanted):  # a power of a negative number of Python's
        raise CompileError("its result is of type complex for the values of this run only")
    return program


def _parts(type_: LeafType) -> list[tuple[str, LeafType]]:
    """What a kernel that is printed sees of an operand: its parts, by attributes, if it is complex."""
    if not dtypes.is_complex(type_.dtype):
        return [("", type_)]
    real = replace(type_, dtype=dtypes.real_of(type_.dtype))
    return [(".real", real), (".imag", real)]


def _in_parts(structure: pytrees.TreeDef, types: Iterator[LeafType]) -> pytrees.TreeDef:
    """A structure whose leaves have these types, of which the complex ones are pairs."""
    if isinstance(structure, pytrees.Leaf):
        return complexes.PAIR if dtypes.is_complex(next(types).dtype) else structure
    return replace(structure, children=tuple(_in_parts(child, types) for child in structure.children))


def _tuple(count: int) -> pytrees.TreeDef:
    return pytrees.Node(tuple, (), (pytrees.Leaf(),) * count)


def _seeds(application: Application) -> tuple[pytrees.TreeDef, tuple[LeafType, ...]]:
    """The structure and types of what comes in: cotangents of the results, or tangents."""
    if application.mode == "reverse":
        return application.structure, application.results
    return _tuple(len(application.active)), tuple(application.operands[i] for i in application.active)


def derivative(application: Application, level: Level = LEVEL) -> Callable[..., Any]:
    """A function of the active operands, the others and the seeds that gives what it computes and the
    derivative, for the frontend to trace."""
    active, constant = application.active, application.constant
    product = functools.partial(vjp_of, by_parts=True) if application.mode == "reverse" else jvp_of

    def of(operands: Sequence[Any], others: Sequence[Any], seeds: Any) -> Any:
        def function(*varied: Any) -> Any:
            merged = dict(zip(active, varied, strict=True)) | dict(zip(constant, others, strict=True))
            return application.primitive(*(merged[i] for i in range(len(merged))))

        return product(function, operands, seeds, level)

    return of


def _printed(application: Application, program: Program, spelling: Spelling) -> Kernel:
    operations = {op.sym_name.data: op for op in program.module.ops if isinstance(op, func.FuncOp)}
    block = operations[program.name].body.block
    terminator = block.last_op
    assert terminator is not None
    if program.captured:
        raise Unprintable("a constant array")
    order = [*application.active, *application.constant]
    names = _names("x", order, [application.operands[i] for i in order])
    seeds = _seeds(application)[1]
    names += _names("d", range(len(seeds)), seeds)
    given: dict[SSAValue, str] = dict(zip(block.args, names, strict=True))
    types = [application.operands[i] for i in order for _ in _parts(application.operands[i])]
    unsigned: set[SSAValue] = {v for v, t in zip(block.args, types, strict=False) if _is_unsigned(t)}
    leaves = _leaves(program, list(block.args), list(terminator.operands))
    results = _names("r", range(len(application.results)), application.results)
    types = [t for t in application.results for _ in _parts(t)]
    for name, type_, leaf in zip(results, types, leaves, strict=False):
        if isinstance(leaf, SSAValue):
            given.setdefault(leaf, name)
            if _is_unsigned(type_):
                unsigned.add(leaf)
    wanted = leaves[len(results) :]
    printer = Printer(spelling, given, unsigned)
    texts = iter(printer.print([v for v in wanted if isinstance(v, SSAValue) and not _is_zero(v)]))
    found: list[Text | None] = [
        next(texts) if isinstance(v, SSAValue) and not _is_zero(v) else None for v in wanted
    ]
    expressions = _joined(found, _outputs(application))
    return Kernel(
        tuple(printer.statements),
        tuple(None if t is None else t.source for t in expressions),
        tuple(t is not None and t.fresh for t in expressions),
        frozenset(name.partition(".")[0] for name in printer.used),
        printer.constants,
    )


def _is_unsigned(leaf: LeafType) -> bool:
    return leaf.dtype.kind == "u"


def _names(letter: str, numbers: Sequence[int], types: Sequence[LeafType]) -> list[str]:
    """What the printed source calls operands, results or cotangents, or their parts."""
    return [f"{letter}{n}{name}" for n, t in zip(numbers, types, strict=True) for name, _ in _parts(t)]


def _outputs(application: Application) -> Sequence[LeafType]:
    """The types of what the kernel gives."""
    if application.mode == "reverse":
        return [application.operands[i] for i in application.active]
    return application.results


def _joined(texts: Sequence[Text | None], types: Sequence[LeafType]) -> list[Text | None]:
    """The expressions of complex numbers, from those of their parts."""
    rest = iter(texts)
    found: list[Text | None] = []
    for type_ in types:
        parts = [next(rest) for _ in _parts(type_)]
        if len(parts) == 1 or parts[0] is parts[1] is None:
            found.append(parts[0])
        else:
            sources = ("0.0" if part is None else part.source for part in parts)
            found.append(Text(f"pair({', '.join(sources)})"))
    return found


def _leaves(program: Program, arguments: list[SSAValue], returned: list[SSAValue]) -> list[SSAValue | None]:
    """What the program's function gives, per leaf; None for a constant, which has no derivative."""
    rest = iter(returned)
    found: list[SSAValue | None] = []
    for result in program.results:
        match result:
            case FromArgument():
                found.append(arguments[result.leaf])
            case Constant():
                found.append(None)
            case _:
                found.append(next(rest))
    return found


def _is_zero(value: SSAValue) -> bool:
    known = constants.uniform_float(value)
    return known == 0


def native(application: Application, level: Level = LEVEL) -> Kernel:
    """The derivative as compiled code: `k(operands, others, seeds)`."""
    both = derivative(application, level)

    def function(operands: Any, others: Any, seeds: Any) -> Any:
        seeds = structure.unflatten(iter(complexes.flatten_whole(seeds)[0]))  # played as plain tuples
        return complexes.flatten_whole(both(operands, others, seeds)[1])[0]

    compiled = Function(function, level)
    active, constant = application.active, application.constant
    structure, leaves = _seeds(application)
    seeds = structure.unflatten(iter([f"d{i}" for i in range(len(leaves))]))
    operands = tuple(f"x{i}" for i in active), tuple(f"x{i}" for i in constant)
    arguments = ", ".join(map(source_of, (*operands, seeds)))
    results = len(application.active) if application.mode == "reverse" else len(application.results)
    names = [f"x{i}" for i in range(len(application.operands))] + [f"d{i}" for i in range(len(leaves))]
    return Kernel(
        (f"c = k({arguments})",),
        tuple(f"c[{i}]" for i in range(results)),
        (True,) * results,
        frozenset(names),
        {"k": compiled},
        is_native=True,
    )


def source_of(tree: Any) -> str:
    """The source of a pytree of tuples and lists whose leaves are names."""
    match tree:
        case tuple():
            return f"({', '.join(map(source_of, tree))}{',' if len(tree) == 1 else ''})"
        case list():
            return f"[{', '.join(map(source_of, tree))}]"
        case _:
            return str(tree)
