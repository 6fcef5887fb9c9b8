"""A Python function with arguments of known types, traced into a module."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CellType, FrameType
from typing import Any

import numpy as np
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue

import dialectad.frontend.numpy  # noqa: F401  (fills the tables of NumPy functions)
from dialectad.dialects import ad
from dialectad.dialects.extents import NAMES
from dialectad.errors import CompileError, Location, UnsupportedTypeError
from dialectad.frontend import (
    complexes,
    dtypes,
    emit,
    mutation,
    pytrees,
    regions,
    scipy_linalg,
    special,
    staging,
    texts,
)
from dialectad.frontend.carry import Undefined
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.environment import Environment
from dialectad.frontend.iterators import Steps
from dialectad.frontend.random import generator
from dialectad.frontend.result_extents import function_of_extents
from dialectad.frontend.signs import erase_signs
from dialectad.frontend.tracers import Array, Scalar, Tracer, check_plain, lift
from dialectad.frontend.tracing import ROOTS, Scope, Storage, Trace, current, error, tracing
from dialectad.levels import Level, pipeline
from dialectad.places import is_shown, locate
from dialectad.runtime import collector
from dialectad.runtime.callbacks import Callback
from dialectad.walk import walk


@dataclass(frozen=True)
class ArrayType:
    """An argument or result that is an array."""

    dtype: DType
    shape: tuple[int | str | None, ...]
    """An argument's extent may be a name instead of a number (see `named_extents.py`), a result's None: then
    the program's function of extents tells."""

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """The shape where all extents are numbers."""
        numbers = tuple(n for n in self.shape if isinstance(n, int))
        return numbers if len(numbers) == len(self.shape) else None


@dataclass(frozen=True)
class ScalarType:
    """An argument or result that is a number: a Python one when `weak`, otherwise a NumPy one."""

    dtype: DType
    weak: bool


@dataclass(frozen=True)
class Static:
    """An argument that is no number: it is part of the signature."""

    value: Hashable


LeafType = ArrayType | ScalarType | Static


@dataclass(frozen=True)
class Signature:
    """What a function is compiled for: the structure of its arguments and the types of their leaves."""

    structures: tuple[pytrees.TreeDef, ...]
    keywords: tuple[str, ...]
    """Names of the last arguments, if given by keyword."""
    leaves: tuple[LeafType, ...]

    @classmethod
    def of(cls, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Signature, list[Any]]:
        """The signature of a call, and its leaves."""
        leaves: list[Any] = []
        structures = []
        for arg in (*args, *kwargs.values()):
            found, structure = pytrees.flatten(generator.opened(arg))
            leaves += found
            structures.append(structure)
        generator.check_distinct(leaves)
        return cls(tuple(structures), tuple(kwargs), tuple(map(leaf_type, leaves))), leaves


_WEAK = {bool: dtypes.BOOL, int: dtypes.INT64, float: dtypes.FLOAT64, complex: dtypes.COMPLEX128}


def leaf_type(leaf: Any) -> LeafType:
    """The type of a concrete argument."""
    if isinstance(leaf, np.ndarray):
        check_plain(leaf)
        return ArrayType(_checked(leaf.dtype), leaf.shape)
    if isinstance(leaf, np.generic):
        return ScalarType(_checked(leaf.dtype), weak=False)
    if type(leaf) in _WEAK:
        return ScalarType(_WEAK[type(leaf)], weak=True)
    return Static(hashable(leaf))


def hashable(leaf: Any) -> Hashable:
    """`leaf`, or what stands for it by identity."""
    return leaf if isinstance(leaf, Hashable) else _Identity(leaf)


def plain(value: Hashable) -> Any:
    """What `hashable` was given."""
    return value.value if isinstance(value, _Identity) else value


class _Identity:
    """An object that can't be hashed, compared by identity."""

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.value is self.value


def _checked(dtype: DType) -> DType:
    if not dtypes.is_supported(dtype) and not dtypes.is_complex(dtype):
        raise error(
            f"an argument of dtype {dtype} is not supported",
            hint=f"use {dtypes.NAMES}, in native byte order",
            kind=UnsupportedTypeError,
        )
    return dtype


@dataclass(frozen=True)
class FromArgument:
    """A result that is the very object that came as an argument's leaf (by position)."""

    leaf: int


@dataclass(frozen=True)
class Constant:
    """A result that doesn't depend on the arguments."""

    value: Any


ResultType = ArrayType | ScalarType | FromArgument | Constant


@dataclass
class Program:
    """A traced function: a module, and how its function's parameters and results map to Python."""

    module: ModuleOp
    name: str
    signature: Signature
    captured: list[np.ndarray[Any, Any]]
    """Arrays of the surrounding program: the parameters after those of the arguments."""
    inout: frozenset[int]
    """The leaves that the function writes into."""
    structure: pytrees.TreeDef
    results: tuple[ResultType, ...]
    """Per leaf of what the function returns."""
    extents: str | None
    """The function of the module that gives the extents of the results that are None, in order."""
    raised: dict[str, Exception]
    """The exceptions of the program's `raise` statements, by the messages of the checks that raise them."""
    callbacks: tuple[Callback, ...] = ()
    """The Python functions that it calls when it runs."""

    def pipeline(self, level: Level, stage: str = "llvm", auto: str = "") -> str:
        """The passes that take the module to the end of a stage: those that its requests need.

        `auto` is what stands for the level `auto`, where that isn't to be chosen.
        """
        points = {level.point}
        points |= {op.level.data for op in walk(self.module) if isinstance(op, ad.VJPOp | ad.JVPOp)}
        if points & {"mixed", "auto"}:
            found = [op.attributes.get(ad.LEVEL) for op in self.module.ops]
            points |= {level.data for level in found if isinstance(level, StringAttr)}
        return pipeline(points, stage, auto, level.left_out)


@dataclass
class Body:
    """A function body that was traced into a block, not yet wrapped in a `func.func`."""

    scope: Scope
    arguments: list[Tracer | Any]
    """The leaves as the body saw them."""
    leaves: list[Any]
    structure: pytrees.TreeDef
    mutated: list[Storage]
    """Storages of the arguments that the body writes into."""
    names: dict[SSAValue, Sequence[str]]
    """The names of the extents of parameters."""
    interleaved: dict[int, complexes.Argument]
    """The leaves that are arrays of complex numbers, where these are passed as they are."""

    @contextmanager
    def reopened(self) -> Iterator[None]:
        """Append to the block, which was closed."""
        trace = current()
        parent, trace.scope = trace.scope, self.scope
        trace.open_blocks.add(self.scope.block)
        try:
            yield
        finally:
            trace.open_blocks.discard(self.scope.block)
            trace.scope = parent


def parameter_type(leaf: ArrayType | ScalarType) -> Any:
    """The IR type of the parameter for a leaf."""
    if isinstance(leaf, ArrayType):
        shape = [n if isinstance(n, int) else DYNAMIC_INDEX for n in leaf.shape]
        return dtypes.memory_type(leaf.dtype, shape)
    return dtypes.memory_type(leaf.dtype, ()) if dtypes.is_complex(leaf.dtype) else dtypes.to_ir(leaf.dtype)


def trace_body(
    function: Callable[..., Any],
    structures: Sequence[pytrees.TreeDef],
    keywords: Sequence[str],
    leaves: Sequence[LeafType],
    types: Sequence[Attribute] | None = None,
    extents: Sequence[tuple[Extent, ...]] | None = None,
    run: Callable[..., Any] | None = None,
) -> Body:
    """Run `function` on tracers of the leaves, filling a new block.

    `types` are those of its parameters, `extents` their shapes in terms of the surrounding function; `run` is
    what is called for it, if that isn't what the staging makes of it.
    """
    trace = current()
    if types is None:
        types = [parameter_type(leaf) for leaf in leaves if not isinstance(leaf, Static)]
    block = Block(arg_types=types)
    with trace.open(block, "function") as scope:
        names: dict[SSAValue, Sequence[str]] = {}
        if extents is None:
            extents = _named_extents(scope, leaves, names)
        arguments, interleaved = _arguments(scope, leaves, extents)
        rest = iter(arguments)
        args = [structure.unflatten(rest) for structure in structures]
        positional = args[: len(args) - len(keywords)]
        named = dict(zip(keywords, args[len(positional) :], strict=True))
        variables = variables_of(function)
        with mutation.watching(mutation.Watch("function", [function, *args])):
            result = (run or staging.call(function))(*positional, **named)
        check_variables(variables)
        if isinstance(result, Undefined):
            result = None
        if isinstance(result, Steps):
            raise error(
                "a generator can't be the result of a compiled function", hint="return a list instead"
            )
        found, structure = complexes.flatten(result)
        for argument in interleaved.values():
            argument.write_back()
        own = {a.storage for a in arguments if isinstance(a, Array)}
        own |= {a.storage for a in interleaved.values()}
        outside = [s for s in scope.written() if s not in own]
        if outside:
            raise error(
                "a function that is differentiated, or calls itself, writes into an array of the surrounding"
                " function",
                hint="pass the array as an argument, or the random generator whose state it is",
            )
        for storage in (*own, *trace.given):
            if (stale := trace.stale.get(storage)) is not None:
                raise stale.error()
        mutated = [s for s in scope.written() if s in own]
    return Body(scope, arguments, found, structure, mutated, names, interleaved)


_Variables = list[tuple[str, CellType, Any]]


def variables_of(function: Callable[..., Any]) -> _Variables:
    """The variables of surrounding functions that `function`, or one that it can reach, sees, with what they
    hold."""
    cells = [
        (name, cell)
        for found in Environment.of([function]).objects
        if isinstance(found, types.FunctionType)
        for name, cell in zip(found.__code__.co_freevars, found.__closure__ or (), strict=True)
    ]
    return [(name, cell, _content(cell)) for name, cell in cells]


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def check_variables(variables: _Variables) -> None:
    """Refuse that any of them was assigned."""
    if assigned := restore_variables(variables):
        raise error(
            f"this function assigns the variable {assigned[0]!r} of the surrounding function, which happens"
            " only once, while it is compiled",
            hint="return the value (with has_aux=True from a function that is differentiated)",
        )


def restore_variables(variables: _Variables) -> list[str]:
    """Let them hold what they held; gives the names of those that were assigned."""
    assigned: list[str] = []
    for name, cell, before in variables:
        if _content(cell) is not before:
            cell.cell_contents = before
            assigned.append(name)
    return assigned


def _named_extents(
    scope: Scope, leaves: Sequence[LeafType], names: dict[SSAValue, Sequence[str]]
) -> list[tuple[Extent, ...]]:
    """The shapes of the parameters: one value for each name; fills in which have `names`."""
    known: dict[str, Extent] = {}
    shapes: list[tuple[Extent, ...]] = []
    typed = [leaf for leaf in leaves if not isinstance(leaf, Static)]
    for parameter, leaf in zip(list(scope.block.args), typed, strict=False):
        pair = (2,) if dtypes.is_complex(leaf.dtype) else ()
        entries = (*leaf.shape, *pair) if isinstance(leaf, ArrayType) else pair
        shape: list[Extent] = []
        for axis, n in enumerate(entries):
            if isinstance(n, str) and n not in known:
                known[n] = emit.op(tensor.DimOp(parameter, emit.constant(axis, dtypes.INDEX)))
            assert n is not None
            shape.append(known[n] if isinstance(n, str) else n)
        if any(isinstance(n, SSAValue) for n in shape):
            names[parameter] = [n if isinstance(n, str) else "" for n in entries]
        shapes.append(tuple(shape))
    return shapes


def _arguments(
    scope: Scope, leaves: Sequence[LeafType], extents: Sequence[tuple[Extent, ...]]
) -> tuple[list[Any], dict[int, complexes.Argument]]:
    parameters = iter(zip(list(scope.block.args), extents, strict=False))
    made: list[Any] = []
    interleaved: dict[int, complexes.Argument] = {}
    for i, leaf in enumerate(leaves):
        match leaf:
            case Static():
                made.append(plain(leaf.value))
            case ScalarType() if dtypes.is_complex(leaf.dtype):
                made.append(complexes.scalar_argument(next(parameters)[0], weak=leaf.weak))
            case ScalarType():
                made.append(Scalar(next(parameters)[0], weak=leaf.weak))
            case ArrayType():
                value, shape = next(parameters)
                storage = Storage(value.type)  # pyright: ignore[reportArgumentType]
                if DYNAMIC_INDEX not in shape:
                    storage.extents = current().extents[value] = shape
                scope.values[storage] = scope.entered[storage] = value
                if dtypes.is_complex(leaf.dtype):
                    interleaved[i] = complexes.Argument.of(storage, value)
                    made.append(interleaved[i].number)
                else:
                    made.append(Array(storage))
    return made, interleaved


def finish(name: str, body: Body, results: Sequence[SSAValue], visibility: str | None) -> func.FuncOp:
    """The `func.func` of a body: returns `results`, then what the mutated arguments hold at the end."""
    trace = current()
    block = body.scope.block
    finals = [body.scope.values[s] for s in body.mutated]
    with body.reopened():
        trace.insert(func.ReturnOp(*results, *finals))
    types = [v.type for v in (*results, *finals)]
    op = func.FuncOp(
        name,
        FunctionType.from_lists([a.type for a in block.args], types),
        Region(block),
        visibility=StringAttr(visibility) if visibility else None,
        arg_attrs=_argument_attributes(body, len(results)),
    )
    op.location = trace.location_attr()
    trace.module.body.block.add_op(op)
    return op


def _argument_attributes(body: Body, first: int) -> ArrayAttr[DictionaryAttr] | None:
    """Which results are the final contents of which arguments, and the names of extents."""
    if not body.mutated and not body.names:
        return None
    position = {body.scope.entered[s]: first + k for k, s in enumerate(body.mutated)}
    attributes: list[dict[str, Attribute]] = [{} for _ in body.scope.block.args]
    for known, argument in zip(attributes, body.scope.block.args, strict=True):
        if argument in position:
            known["dialectad.inout"] = IntegerAttr(position[argument], i64)
        if argument in body.names:
            known[NAMES] = ArrayAttr(map(StringAttr, body.names[argument]))
    return ArrayAttr(map(DictionaryAttr, attributes))


@collector.paused()
def trace_program(function: Callable[..., Any], signature: Signature, name: str) -> Program:
    """Trace `function` for arguments of this signature.

    Raises
    ------
    CompileError
        If the function does what can't be compiled; it tells where.
    """
    from dialectad.frontend import outlining

    special.register()
    scipy_linalg.register()
    trace = Trace(ModuleOp([]), definition=_definition(function))
    with tracing(trace):
        symbol = trace.symbol(name)
        try:
            body = trace_body(function, signature.structures, signature.keywords, signature.leaves)
        except RecursionError as problem:
            raise outlining.refusal(trace) or _endless(problem) from None
        own = {a.storage: i for i, a in enumerate(body.arguments) if isinstance(a, Array)}
        own |= {a.storage: i for i, a in body.interleaved.items()}
        leaves, structure = complexes.flatten_whole(pytrees.unflatten(body.structure, body.leaves))
        results: list[ResultType] = []
        values: list[SSAValue] = []
        extents: list[SSAValue] = []
        with body.reopened():
            for leaf in leaves:
                type_, value = _result(leaf, own, body.interleaved)
                results.append(type_)
                if value is not None:
                    values.append(value)
                if isinstance(leaf, Array | Complex) and isinstance(type_, ArrayType):
                    extents += [n for n in leaf.extents if isinstance(n, SSAValue)]
        made = finish(symbol, body, values, None)
        sizes = function_of_extents(made, extents, trace.symbol) if extents else None
        regions.outline(trace)
        if sizes is not None:
            trace.module.body.block.add_op(sizes)
    erase_signs(trace.module)
    return Program(
        trace.module,
        symbol,
        signature,
        [array for array, _ in body.scope.arrays.values()],
        frozenset(own[s] for s in body.mutated),
        structure,
        tuple(results),
        None if sizes is None else sizes.sym_name.data,
        trace.raised,
        tuple(trace.callbacks),
    )


def _endless(problem: RecursionError) -> CompileError:
    """The error of a recursion that doesn't end while tracing, at the last call of the user's."""
    users = [
        locate(frame.f_code, instruction)
        for frame, instruction in _frames(problem)
        if is_shown(frame.f_code) and staging.is_users(frame.f_code)
    ]
    return CompileError(
        "this recursion doesn't end while the function is compiled: whether it goes on depends on values"
        " known only at run time, or it has no end",
        users[-1] if users else None,
        hint="let shapes end the recursion, or write it as a loop",
        pass_name="trace",
    )


def _frames(problem: BaseException) -> Iterator[tuple[FrameType, int]]:
    traceback = problem.__traceback__
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


ROOTS.add(trace_program.__code__)


def _definition(function: Callable[..., Any]) -> Location | None:
    """Where the user defined what is traced, under all wrappers."""
    found: Any = inspect.unwrap(function)
    while isinstance(found, functools.partial):
        found = inspect.unwrap(found.func)
    code = getattr(found, "__code__", None)
    return Location(code.co_filename, code.co_firstlineno) if code else None


def _result(
    leaf: Any, own: dict[Storage, int], interleaved: dict[int, complexes.Argument]
) -> tuple[ResultType, SSAValue | None]:
    for i, argument in interleaved.items():
        if argument.is_whole(leaf):
            return FromArgument(i), None
    if isinstance(leaf, Array) and leaf.storage in own and not leaf.view:
        return FromArgument(own[leaf.storage]), None
    if isinstance(leaf, Array) or (isinstance(leaf, Complex) and leaf.is_array):
        shape = tuple(n if isinstance(n, int) else None for n in leaf.extents)
        return ArrayType(leaf.dtype, shape), leaf.ssa()
    if isinstance(leaf, Scalar | Complex):
        value = leaf.ssa()
        if value.type == dtypes.INDEX:
            value = emit.cast(value, dtypes.to_ir(dtypes.INT64))
        return ScalarType(leaf.dtype, leaf.weak), value
    if isinstance(leaf, np.ndarray) and leaf.dtype != object:
        array = lift(leaf)
        return ArrayType(array.dtype, leaf.shape), array.ssa()
    if isinstance(leaf, np.ndarray | staging.Undefined):
        raise error(
            f"a value of type {type(leaf).__name__} can't be returned",
            hint="return arrays of numbers",
            kind=UnsupportedTypeError,
        )
    if texts.holds_places(leaf):
        raise error(
            "text that holds a value known only at run time can't be returned",
            hint="return the value; such text can be the message of an exception or go to da.print",
            kind=UnsupportedTypeError,
        )
    return Constant(leaf), None
