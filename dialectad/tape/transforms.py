"""`grad`, `vjp`, `jvp` and the Jacobians on a tape: the function runs once, and the record is played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import pytrees
from dialectad.frontend.complexes import flatten_whole
from dialectad.frontend.jacobians import check_argument, real_result
from dialectad.frontend.request import Argnums
from dialectad.frontend.tracers import ConcretizationError, Tracer
from dialectad.tape import calls, kinds, memory
from dialectad.tape.calls import register_scipy
from dialectad.tape.errors import error
from dialectad.tape.kinds import Kind, Mode
from dialectad.tape.tape import Tape, hosting, recording
from dialectad.tape.values import TapeArray, TapeScalar, TapeValue, activated

Function = Callable[..., Any]


@dataclass
class Run:
    """A function that ran on a tape."""

    tape: Tape
    arguments: list[list[TapeArray | TapeScalar]]
    """Per argument to differentiate by: its leaves."""
    structures: list[pytrees.TreeDef]
    """Of those arguments."""
    leaves: list[Any]
    """The leaves of the result."""
    structure: pytrees.TreeDef

    def value(self) -> Any:
        """What the function gave, without the tape."""
        return self.structure.unflatten(iter([self.plain(leaf) for leaf in self.leaves]))

    def plain(self, x: Any) -> Any:
        return x.value if isinstance(x, TapeValue) and x.tape is self.tape else x

    def slot(self, leaf: Any) -> int:
        """The slot of a result, -1 if it doesn't depend on the arguments."""
        if not isinstance(leaf, TapeValue) or leaf.tape is not self.tape:
            return -1
        return leaf.slot


def run(
    function: Function, args: Sequence[Any], kwargs: dict[str, Any], numbers: Sequence[int], mode: Mode
) -> Run:
    """Run `function`, recording what becomes of the arguments of these `numbers`."""
    register_scipy()
    with recording(mode) as tape:
        active: dict[int, list[Any]] = {}
        structures = {}
        made = []
        for n, arg in enumerate(args):
            leaves, structure = flatten_whole(arg)
            if n in numbers:
                leaves = [_active(tape, leaf, n) for leaf in leaves]
                active[n], structures[n] = leaves, structure
            else:
                leaves = [_followed(tape, leaf) for leaf in leaves]
            made.append(structure.unflatten(iter(leaves)))
        named = {}
        for name, arg in kwargs.items():
            leaves, structure = flatten_whole(arg)
            named[name] = structure.unflatten(iter([_followed(tape, leaf) for leaf in leaves]))
        try:
            result = calls.call(function)(*made, **named)
        except ConcretizationError as problem:
            if tape.trace is None:
                raise
            raise undecided(problem) from problem
        leaves, structure = flatten_whole(result)
        leaves = [_settled(tape, leaf) for leaf in leaves]
    return Run(tape, [active[n] for n in numbers], [structures[n] for n in numbers], leaves, structure)


def undecided(problem: ConcretizationError) -> ConcretizationError:
    """The error of control flow that depends on what is known only when the compiled function around runs."""
    return ConcretizationError(
        "Python's control flow needs this value, which is known only when the compiled function around this"
        " derivative runs",
        problem.location,
        hint='differentiate at level "linalg", "loop" or "llvm", or use level "tape" for what is around, too',
        level="tape",
    )


def _settled(tape: Tape, leaf: Any) -> Any:
    """A result with a slot of its own: an array that is written into has one for all that it held."""
    if isinstance(leaf, TapeArray) and leaf.tape is tape and leaf.base.is_active:
        return memory.settle(leaf, tape)
    return leaf


def _active(tape: Tape, leaf: Any, n: int) -> TapeArray | TapeScalar:
    if not _is_float(leaf):
        what = leaf.dtype if hasattr(leaf, "dtype") else type(leaf).__name__
        raise error(
            f"argument {n} holds a value of type {what}, by which nothing can be differentiated",
            hint="pass floats, or choose other arguments with argnums",
            kind=UnsupportedTypeError,
        )
    wrapper = activated(tape, leaf)
    if isinstance(wrapper, TapeArray):
        tape.externals[id(wrapper)] = wrapper
    return wrapper


def _is_float(leaf: Any) -> bool:
    if isinstance(leaf, TapeValue | Tracer | np.ndarray | np.generic):
        return leaf.dtype.kind in "fc"
    return type(leaf) in (float, complex)


def _followed(tape: Tape, leaf: Any) -> Any:
    """An argument that isn't differentiated by: arrays may be written into."""
    if isinstance(leaf, np.ndarray | TapeArray) or (isinstance(leaf, Tracer) and leaf.is_array):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind not in "fiubc":
            return leaf
        return calls.followed(tape, leaf)
    return leaf


# --- seeds and results -------------------------------------------------------------------------


def conform(given: Any, kind: Kind, what: str) -> Any:
    """A tangent or cotangent for something of a kind."""
    shape = np.shape(given) if not isinstance(given, TapeValue | Tracer) else given.shape
    if np.iscomplexobj(given) and kind.dtype.kind != "c":
        raise error(f"{what} is complex, but what it belongs to is real", kind=ShapeError)
    if shape != kind.shape:
        raise error(f"{what} has shape {shape}, but {kind.shape} is expected", kind=ShapeError)
    if isinstance(given, TapeValue | Tracer):
        return given if given.dtype == kind.dtype else given.astype(kind.dtype)
    if kind.form == "array":
        return np.array(given, kind.dtype)
    return float(given) if kind.dtype == np.float64 else kind.dtype.type(given)


def finished(d: Any, kind: Kind, seen: set[int] | None = None) -> Any:
    """A cotangent or tangent as the user gets it: of the kind of what it belongs to, and nobody else's."""
    if isinstance(d, TapeValue | Tracer):
        recorded: Any = d
        if kind.form == "array":
            return np.broadcast_to(recorded, kind.shape).copy()
        if isinstance(d, TapeArray) or (isinstance(d, Tracer) and d.is_array):
            recorded = recorded[()]
        return recorded.item() if kind.form == "python" else recorded
    if kind.form == "python":
        number = complex if kind.dtype.kind == "c" else float
        return number(0 if d is None else d)
    if kind.form == "scalar":
        return kind.dtype.type(0 if d is None else d)
    if d is None:
        made = np.zeros(kind.shape, kind.dtype)
    elif (
        seen is not None
        and id(d) not in seen
        and type(d) is np.ndarray
        and d.dtype == kind.dtype
        and d.base is None
        and d.flags.c_contiguous
    ):
        made = d
    else:
        made = np.array(np.broadcast_to(d, kind.shape), kind.dtype, order="C")
    if seen is not None:
        seen.add(id(made))
    return hosted(made)


def hosted(array: np.ndarray[Any, Any]) -> Any:
    """A new array, for what is around to go on with."""
    host = hosting()
    return array if host is None else host(array)


def kind_of(x: Any) -> Kind:
    return kinds.of_value(x.value if isinstance(x, TapeValue) else x)


def seeded(slots: Sequence[int], values: Sequence[Any]) -> dict[int, Any]:
    """Seeds by slot, for results of which several may be one array."""
    seeds: dict[int, Any] = {}
    for slot, value in zip(slots, values, strict=True):
        if slot >= 0:
            seeds[slot] = seeds[slot] + value if slot in seeds else value
    return seeds


# --- reverse mode ------------------------------------------------------------------------------


def value_and_grad(
    function: Function, argnums: Argnums, has_aux: bool, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """The value of `function` and its gradient."""
    numbers = normalised(argnums, len(args))
    ran = run(function, args, kwargs, numbers, "reverse")
    _check_structure(ran, has_aux)
    loss = ran.leaves[0]
    _check_loss(loss)
    slot = ran.slot(loss)
    g = ran.tape.backward({slot: kind_of(loss).dtype.type(1)} if slot >= 0 else {})
    made = cotangents(ran, g)
    value = ran.value()
    return value, made[0] if isinstance(argnums, int) else tuple(made)


def cotangents(ran: Run, g: list[Any], seeds: Sequence[Any] = ()) -> list[Any]:
    """The cotangents of the arguments."""
    seen = {id(s) for s in seeds}
    return [
        structure.unflatten(
            iter([finished(_conjugate(g[x.slot], kind_of(x)), kind_of(x), seen) for x in leaves])
        )
        for leaves, structure in zip(ran.arguments, ran.structures, strict=True)
    ]


def _conjugate(d: Any, kind: Kind) -> Any:
    """A cotangent as the user has it, from the derivatives by the parts, and back (see
    Note [Cotangents of complex numbers])."""
    return np.conjugate(d) if d is not None and kind.dtype.kind == "c" else d


def _check_structure(ran: Run, has_aux: bool) -> None:
    structure = ran.structure
    if has_aux:
        if not isinstance(structure, pytrees.Node) or len(structure.children) != 2:
            raise error("with has_aux=True the function must return a pair (loss, aux)", kind=ShapeError)
        if structure.children[0].count != 1:
            raise error("with has_aux=True the loss must be one scalar", kind=ShapeError)
    elif len(ran.leaves) != 1:
        raise error(
            "a differentiated function must return one float scalar",
            hint="use has_aux=True for a function that returns (loss, other results)",
            kind=UnsupportedTypeError,
        )


def _check_loss(loss: Any) -> None:
    if not kinds.is_numeric(loss):
        raise error(
            f"a differentiated function must return a float scalar, not {type(loss).__name__}",
            kind=UnsupportedTypeError,
        )
    kind = kind_of(loss)
    if kind.shape:
        raise error(
            f"a differentiated function must return a scalar, not an array of shape {kind.shape}",
            hint="reduce it (numpy.sum, numpy.mean), or use vjp, jvp, jacrev or jacfwd",
            kind=ShapeError,
        )
    if kind.dtype.kind != "f":
        raise error(
            f"a differentiated function must return a float scalar, not {kind.dtype}",
            hint="return its real or imaginary part, or use vjp or jvp" if kind.is_float else None,
            kind=UnsupportedTypeError,
        )


def normalised(argnums: Argnums, count: int) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for n in numbers:
        if not -count <= n < count:
            message = f"argnums {n} is out of range for a call with {count} positional arguments"
            raise error(message, kind=ShapeError)
    return [n % count for n in numbers]


def vjp(function: Function, primals: Sequence[Any]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of `function`, and the function that plays the record backwards."""
    ran = run(function, primals, {}, range(len(primals)), "reverse")
    keep(ran)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        found, structure = flatten_whole(cotangent)
        if structure != ran.structure:
            raise error("the cotangent doesn't have the structure of the function's result", kind=ShapeError)
        slots, seeds = [], []
        for i, (leaf, given) in enumerate(zip(ran.leaves, found, strict=True)):
            if (slot := ran.slot(leaf)) >= 0:
                slots.append(slot)
                kind = kind_of(leaf)
                seeds.append(conform(_conjugate(given, kind), kind, f"the cotangent of result {i}"))
        return tuple(cotangents(ran, ran.tape.backward(seeded(slots, seeds)), seeds))

    return ran.value(), pullback


def keep(ran: Run) -> None:
    """Let the record outlive what the user may write into from now on."""
    results = [leaf.base for leaf in ran.leaves if isinstance(leaf, TapeArray) and leaf.tape is ran.tape]
    for array in (*ran.tape.externals.values(), *results):
        memory.save(array)
        array.pins = []


# --- forward mode ------------------------------------------------------------------------------


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `function`, and its derivative in the direction of `tangents`."""
    ran = run(function, primals, {}, range(len(primals)), "forward")
    given, structure = flatten_whole(tuple(tangents))
    if structure != flatten_whole(tuple(primals))[1]:
        raise error("the tangents don't have the structure of the primals", kind=ShapeError)
    leaves = [x for group in ran.arguments for x in group]
    seeds = {
        x.slot: conform(t, kind_of(x), f"tangent {i}")
        for i, (x, t) in enumerate(zip(leaves, given, strict=True))
    }
    t = ran.tape.forward(seeds)
    return ran.value(), ran.structure.unflatten(iter([_tangent(ran, t, leaf) for leaf in ran.leaves]))


def _tangent(ran: Run, t: list[Any], leaf: Any) -> Any:
    if (slot := ran.slot(leaf)) >= 0:
        return finished(t[slot], kind_of(leaf))
    if kinds.is_numeric(leaf):
        kind = kind_of(leaf)
        if kind.form == "python":
            return type(ran.plain(leaf))(0) if not isinstance(ran.plain(leaf), Tracer) else 0.0
        return (
            np.zeros(kind.shape, kind.dtype)[()]
            if kind.form == "scalar"
            else np.zeros(kind.shape, kind.dtype)
        )
    return leaf


# --- Jacobians ---------------------------------------------------------------------------------


def jacobian(
    function: Function,
    argnums: Argnums,
    holomorphic: bool,
    mode: Mode,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> Any:
    """The Jacobian, of which each pass over the record gives a column (forward) or row (reverse)."""
    numbers = normalised(argnums, len(args))
    for n in numbers:
        if pytrees.flatten(args[n])[1] != pytrees.Leaf():
            raise error(
                f"argument {n} is a {type(args[n]).__name__}, not one array or number",
                hint="differentiate a function of its arrays, with argnums",
                kind=UnsupportedTypeError,
            )
    ran = run(function, args, kwargs, numbers, mode)
    for n, argument in zip(numbers, ran.arguments, strict=True):
        check_argument(n, kind_of(argument[0]).dtype.kind == "c", holomorphic)
    for leaf in ran.leaves:
        dtype = getattr(leaf, "dtype", None) or np.dtype(type(leaf)) if kinds.is_numeric(leaf) else None
        if dtype is None or dtype.kind not in "fc":
            what = dtype or type(leaf).__name__
            raise error(
                f"a Jacobian is asked for of a function that returns a value of type {what}",
                hint="return floats and float arrays only",
                kind=UnsupportedTypeError,
            )
        if holomorphic and dtype.kind == "f":
            raise real_result()
    by = _columns if mode == "forward" else _rows
    found = [by(ran, argument[0]) for argument in ran.arguments]
    parts = found[0] if isinstance(argnums, int) else [tuple(p) for p in zip(*found, strict=True)]
    return ran.structure.unflatten(iter(parts))


def _columns(ran: Run, argument: Any) -> list[Any]:
    """Per result: the Jacobian by one argument."""
    kind = kind_of(argument)
    found: list[list[Any]] = [[] for _ in ran.leaves]
    for e in _basis(kind):
        t = ran.tape.forward({argument.slot: e})
        for leaf, column in zip(ran.leaves, found, strict=True):
            slot = ran.slot(leaf)
            column.append(finished(t[slot] if slot >= 0 else None, kind_of(leaf)))
    return [_assembled(c, kind_of(leaf), kind, last=True) for c, leaf in zip(found, ran.leaves, strict=True)]


def _rows(ran: Run, argument: Any) -> list[Any]:
    kind = kind_of(argument)
    found = []
    for leaf in ran.leaves:
        slot, result = ran.slot(leaf), kind_of(leaf)
        rows = []
        for e in _basis(result):
            is_holomorphic = kind.dtype.kind == "c"
            seeds = [e] if is_holomorphic else _parts_of(e)
            parts = [ran.tape.backward({slot: s} if slot >= 0 else {})[argument.slot] for s in seeds]
            row = [finished(part, kind) for part in parts]
            if is_holomorphic:
                rows.append(row[0].conjugate())
            else:
                rows.append(row[0] if len(row) == 1 else row[0] + 1j * row[1])
        found.append(_assembled(rows, result, kind, last=False))
    return found


def _parts_of(e: Any) -> list[Any]:
    """The directions of the real and of the imaginary part, where there are both."""
    return [e, 1j * e] if e.dtype.kind == "c" else [e]


def _basis(kind: Kind) -> list[Any]:
    """The directions, one per element."""
    if kind.form != "array":
        return [kind.dtype.type(1)]
    size = int(np.prod(kind.shape))
    rows = []
    for i in range(size):
        e = np.zeros(size, kind.dtype)
        e[i] = 1
        rows.append(e.reshape(kind.shape))
    return rows


def _assembled(parts: list[Any], result: Kind, argument: Kind, *, last: bool) -> Any:
    """An array of shape `result.shape + argument.shape`; the parts go along the last or the first axes."""
    shape = (*result.shape, *argument.shape)
    if result.form != "array" and argument.form != "array":
        both = result.form == argument.form == "python" or not isinstance(parts[0], float)
        return parts[0] if both else np.float64(parts[0])
    if not parts:
        made = np.zeros(shape, result.dtype if last else argument.dtype)
        return hosted(made)
    return np.stack(parts, axis=-1 if last else 0).reshape(shape)
