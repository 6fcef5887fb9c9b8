"""Plans: the code that runs and records one operation, for operands of given kinds.

A plan is a function that is written for its kinds when they are first met, and then looked up:

    def forward(a0, a1):                            # x * y, both active arrays
        tape = a0.tape
        if a1.tape is not tape: return again(a0, a1)
        x0, x1 = a0.value, a1.value
        r0 = call(x0, x1)
        b0 = new(TapeArray); b0.value = r0; ...
        record = [play, b0.slot, a0.slot, a1.slot, x0, x1]
        ...

    def play(g, play, record):
        _, o0, i0, i1, x0, x1 = record
        d0 = g[o0]
        if d0 is None: return
        c0 = d0 * x1                                # this and the next line are the kernel
        c1 = d0 * x0
        p = g[i0]; g[i0] = c0 if p is None else p + c0
        p = g[i1]; g[i1] = c1 if p is None else p + c1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dialectad.errors import CompileError
from dialectad.frontend import pytrees
from dialectad.frontend.complexes import flatten_whole
from dialectad.tape import kernels, kinds
from dialectad.tape.errors import error
from dialectad.tape.helpers import NAMESPACE
from dialectad.tape.kernels import Application, Kernel
from dialectad.tape.kinds import Flavour, Kind
from dialectad.tape.printing import ARRAYS, NUMBERS, Spelling
from dialectad.tape.values import TapeArray, TapeScalar, TapeValue, is_writeable, shares_memory, view

_DIFFERENTIABLE = (np.float32, np.float64, np.complex64, np.complex128)

Forward = Callable[..., Any]
KernelOf = Callable[[Application, Spelling], Kernel]


@dataclass
class Operation:
    """What is to be planned."""

    name: str
    """For messages."""
    source: str
    """The call, on `x0`, `x1`, ... and what `names` holds."""
    names: dict[str, Any]
    primitive: Callable[..., Any]
    """What the frontend traces: a function of the operands."""
    again: Forward
    """Does the operation on any operands."""
    kernel: KernelOf = kernels.kernel
    elementwise: bool = False
    """Operands are broadcast together, and the kernel is that of numbers."""
    example: Callable[[], Any] | None = None
    """Gives something like the result, where that is known without doing it."""


@dataclass
class Planner:
    """Writes a plan."""

    operation: Operation
    operands: Sequence[Kind]
    flavour: Flavour
    result: Any
    """What the operation gives on these operands."""
    function: Any = None
    """The function that is called, as the user calls it."""
    names: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        self.names = dict(NAMESPACE)
        self.leaves, self.structure = flatten_whole(self.result)
        self.active = tuple(i for i, k in enumerate(self.operands) if k.active)
        self.forms = [_kind_of_result(leaf) for leaf in self.leaves]
        self.kernel: Kernel | None = None
        self.leaf_calls: dict[int, Callable[..., Any]] = {}
        self.outputs: tuple[int, ...] = ()
        """The leaves of the result that are active."""

    def plan(self) -> Forward:
        """The function that runs and records."""
        floats = [i for i, k in enumerate(self.forms) if k is not None and k.is_float]
        if self.active:
            self.check_results()
        if self.active and floats:
            self.differentiate(floats)
        play = self.write("play", self.play_source()) if self.kernel is not None else None
        self.names |= self.operation.names
        self.names |= {
            "TapeArray": TapeArray,
            "TapeScalar": TapeScalar,
            "new": object.__new__,
            "again": self.operation.again,
            "play": play,
            "flatten": flatten_whole,
            "unflatten": pytrees.unflatten,
            "structure": self.structure,
            "shared": self.shared,
            "of_value": kinds.of_value,
            "flavour": self.flavour,
            "changed": self.changed,
        }
        return self.write("forward", self.forward_source())

    def write(self, name: str, source: str) -> Any:
        exec(compile(source, f"<dialectad tape {self.operation.name}>", "exec"), self.names)
        return self.names[name]

    def playback(self, name: str, source: str) -> Any:
        """A function that repeats the call when the tape is played."""
        names = dict(self.names)
        if "function" in self.operation.names:
            from dialectad.tape.calls import in_place_of

            names["function"] = in_place_of(self.function)
        exec(compile(source, f"<dialectad tape {self.operation.name}>", "exec"), names)
        return names[name]

    # --- the kernel ---

    def check_results(self) -> None:
        """No derivative may be lost in results of other types."""
        for leaf, kind in zip(self.leaves, self.forms, strict=True):
            if kind is None:
                known = isinstance(leaf, str | np.dtype | type)
                what = type(leaf).__name__
            else:
                known = kind.dtype.kind in "biu" or kind.dtype in _DIFFERENTIABLE
                what = str(kind.dtype)
            if not known:
                raise self.refused(f"its result is of type {what}")

    def differentiate(self, floats: Sequence[int]) -> None:
        kinds_ = [self.forms[i] for i in range(len(self.leaves))]
        if any(k is None for k in kinds_):
            raise self.refused("its result holds more than arrays and numbers")
        shape = (
            (lambda k: kinds.kind("scalar" if k.form == "array" else k.form, k.dtype))
            if (self.operation.elementwise)
            else (lambda k: k)
        )
        application = Application(
            self.operation.primitive,
            tuple(shape(k).leaf_type for k in self.operands),
            self.active,
            self.structure,
            tuple(shape(k).leaf_type for k in kinds_ if k is not None),
            self.flavour.mode,
        )
        try:
            kernel = self.operation.kernel(application, NUMBERS if self.on_numbers else ARRAYS)
        except CompileError as problem:
            raise self.refused(problem.message, problem.hint) from problem
        if self.flavour.mode == "reverse":
            self.outputs = tuple(floats) if any(r is not None for r in kernel.results) else ()
        else:
            self.outputs = tuple(i for i in floats if kernel.results[i] is not None)
        self.kernel = kernel if self.outputs else None

    @property
    def on_numbers(self) -> bool:
        """Whether all operands are numbers that Python's floats can stand for."""
        return (
            self.operation.elementwise
            and not self.flavour.nested
            and all(k.form != "array" and k.dtype in (np.float64, np.int64, np.bool_) for k in self.operands)
        )

    def refused(self, why: str, hint: str | None = None) -> CompileError:
        return error(
            f"the derivative of {self.operation.name} isn't known here: {why}",
            hint=hint or "keep active values away from it (da.stop_gradient), or use supported functions",
        )

    # --- running and recording ---

    def forward_source(self) -> str:
        count = len(self.operands)
        lines = [f"def forward({', '.join(f'a{i}' for i in range(count))}):"]
        wrapped = [i for i, k in enumerate(self.operands) if k.flavour is not None]
        first = wrapped[0]
        lines.append(f" tape = a{first}.tape")
        for i in wrapped[1:]:
            lines.append(
                f" if a{i}.tape is not tape: return again({', '.join(f'a{k}' for k in range(count))})"
            )
        lines += [f" x{i} = a{i}.value" if i in wrapped else f" x{i} = a{i}" for i in range(count)]
        if isinstance(self.structure, pytrees.Leaf):
            lines.append(f" r0 = {self.operation.source}")
        else:
            names = "".join(f"r{i}, " for i in range(len(self.leaves)))
            lines.append(f" {names or '_'} = flatten({self.operation.source})[0]")
        for i in range(len(self.leaves)):
            lines += self.output_source(i)
        if self.kernel is not None:
            lines += self.record_source()
        made = ", ".join(f"b{i}" for i in range(len(self.leaves)))
        if isinstance(self.structure, pytrees.Leaf):
            lines.append(" return b0")
        else:
            lines.append(f" return unflatten(structure, [{made}])")
        return "\n".join(lines)

    def output_source(self, i: int) -> list[str]:
        """Wrap leaf `i` of the result as `b{i}`."""
        kind, active = self.forms[i], i in self.outputs
        if kind is None or (kind.form != "array" and not active):
            return [f" b{i} = r{i}"]
        lines: list[str] = []
        if kind.form == "python" and kind.dtype.kind == "f" and self.operation.name == "power":
            lines.append(f" if type(r{i}) is complex: changed()")
        indent = " "
        if not self.operation.elementwise and kind.form == "array":
            arrays = [k for k, operand in enumerate(self.operands) if operand.form == "array"]
            values = ", ".join(f"x{k}" for k in arrays) + ("," if len(arrays) == 1 else "")
            wraps = ", ".join(f"a{k}" for k in arrays) + ("," if len(arrays) == 1 else "")
            shared = f"shared({i}, r{i}, ({values}), ({wraps}), ({self.all_operands()}))"
            if not self.flavour.nested:  # what the call would find out, without it
                apart = " and ".join([f"r{i}.base is None", *(f"r{i} is not x{k}" for k in arrays)])
                shared = f"None if {apart} else {shared}"
            lines += [f" b{i} = {shared}", f" if b{i} is None:"]
            indent = "  "
        wrapper = "TapeArray" if kind.form == "array" else "TapeScalar"
        name = f"K{i}"
        self.names[name] = kinds.kind(kind.form, kind.dtype, kind.shape, self.flavour, active)
        found = name
        if not self.operation.elementwise and kind.form == "array":
            if active:
                lines.append(f"{indent}if r{i}.shape != {kind.shape}: changed()")
            else:
                found = f"of_value(r{i}, flavour)"
        lines += [
            f"{indent}b{i} = new({wrapper})",
            f"{indent}b{i}.value = r{i}",
            f"{indent}b{i}.kind = {found}",
            f"{indent}b{i}.tape = tape",
        ]
        if active:
            lines.append(f"{indent}b{i}.slot = s{i} = tape.slots")
            lines.append(f"{indent}tape.slots = s{i} + 1")
        else:
            lines.append(f"{indent}b{i}.slot = -1")
        if kind.form == "array":
            lines.append(f"{indent}b{i}.pins = []")
        if indent == "  " and active:
            lines.append(f" else: s{i} = -1")
        return lines

    def all_operands(self) -> str:
        count = len(self.operands)
        return ", ".join(f"x{k}" for k in range(count)) + ("," if count == 1 else "")

    def record_source(self) -> list[str]:
        kernel = self.kernel
        assert kernel is not None
        slots = [f"s{i}" for i in self.outputs] + [f"a{i}.slot" for i in self.active]
        saved, lines, pinned = [], [], []
        for name in self.saved():
            i = int(name[1:])
            if name[0] == "x":
                kind = self.operands[i]
                if kind.form == "array" and kind.flavour is None:
                    lines.append(f" x{i} = x{i}.copy()")  # nobody would tell of a write into it
                elif kind.form == "array":
                    pinned.append(f"a{i}")
            elif (result := self.forms[i]) is not None and result.form == "array":
                pinned.append(f"b{i}")
            saved.append(name)
        lines.append(f" record = [play, {', '.join([*slots, *saved])}]")
        lines.append(" tape.append(record)")
        lines += [f" {name}.pins.append(record)" for name in pinned if name[0] == "a"]
        lines += [
            f" if type({name}) is TapeArray: {name}.pins.append(record)" for name in pinned if name[0] == "b"
        ]
        guard = self.guard_source()
        return [guard, *(f" {line}" for line in lines)] if guard else lines

    def guard_source(self) -> str | None:
        """Where results may be views, which are recorded when they are read."""
        if self.operation.elementwise:
            return None
        arrays = [i for i in self.outputs if (k := self.forms[i]) is not None and k.form == "array"]
        return (
            f" if {' or '.join(f's{i} >= 0' for i in arrays)}:" if len(arrays) == len(self.outputs) else None
        )

    def saved(self) -> list[str]:
        """The names of primal values that the record keeps."""
        assert self.kernel is not None
        return sorted(name for name in self.kernel.used if name[0] in "xr")

    # --- playing ---

    def play_source(self) -> str:
        kernel = self.kernel
        assert kernel is not None
        outputs, inputs = [f"o{i}" for i in self.outputs], [f"i{i}" for i in self.active]
        lines = [
            "def play(g, play, record):",
            f" _, {', '.join([*outputs, *inputs, *self.saved()])} = record",
        ]
        self.names |= kernel.constants
        reverse = self.flavour.mode == "reverse"
        return "\n".join(lines + (self.pull_source(kernel) if reverse else self.push_source(kernel)))

    def pull_source(self, kernel: Kernel) -> list[str]:
        lines = [f" d{i} = g[o{i}] if o{i} >= 0 else None" for i in self.outputs]
        if len(self.outputs) == 1 and self.operation.elementwise:
            lines = [f" d{i} = g[o{i}]" for i in self.outputs]
        lines.append(f" if {' and '.join(f'd{i} is None' for i in self.outputs)}: return")
        if len(self.outputs) > 1:
            lines += [f" if d{i} is None: d{i} = {self.zero(self.forms[i])}" for i in self.outputs]
        lines += [f" d{i} = {self.zero(self.forms[i])}" for i in self.unseeded(kernel)]
        if len(self.outputs) == 1 and self.operation.elementwise:
            lines += [f" g[o{i}] = None" for i in self.outputs]
        wanted = [(i, r) for i, r in zip(self.active, kernel.results, strict=True) if r is not None]
        lines += self.computed([f"c{i}" for i, _ in wanted], [r for _, r in wanted], kernel)
        for i, _ in wanted:
            lines += self.unspread(i)
            lines.append(f" p = g[i{i}]")
            lines.append(f" g[i{i}] = c{i} if p is None else p + c{i}")
        return lines

    def unseeded(self, kernel: Kernel) -> list[int]:
        """The results without a slot whose cotangents the kernel mentions."""
        return [i for i in range(len(self.leaves)) if i not in self.outputs and f"d{i}" in kernel.used]

    def computed(self, names: Sequence[str], expressions: Sequence[str], kernel: Kernel) -> list[str]:
        """The kernel; on numbers, repeated with NumPy's where Python raises."""
        body = [*kernel.statements, *(f"{n} = {e}" for n, e in zip(names, expressions, strict=True))]
        if not self.on_numbers:
            return [f" {line}" for line in body]
        inputs = sorted(kernel.used)
        self.careful(names, inputs)
        call = f"careful({', '.join(inputs)})"
        return [
            " try:",
            *(f"  {line}" for line in body),
            " except (ArithmeticError, ValueError):",
            f"  {', '.join(names)}, = {call}",
        ]

    def careful(self, names: Sequence[str], inputs: Sequence[str]) -> None:
        """The kernel in NumPy's spelling: infinities instead of errors."""
        kernel = self.operation.kernel(
            Application(
                self.operation.primitive,
                tuple(k.leaf_type for k in self.operands),
                self.active,
                self.structure,
                tuple(k.leaf_type for k in self.forms if k is not None),
                self.flavour.mode,
            ),
            ARRAYS,
        )
        results = [r for r in kernel.results if r is not None]
        self.names |= kernel.constants
        converted = [f" {n} = float64({n})" for n in sorted({*inputs, *kernel.used})]
        lines = [f"def careful({', '.join(inputs)}):", *converted, *(f" {s}" for s in kernel.statements)]
        self.write("careful", "\n".join([*lines, f" return ({', '.join(results)},)"]))

    def unspread(self, i: int) -> list[str]:
        """Bring `c{i}` to the shape of operand `i`, which was broadcast."""
        assert self.kernel is not None
        if not self.operation.elementwise or self.kernel.is_native:
            return []
        kind, result = self.operands[i], self.forms[0]
        assert result is not None
        if kind.shape == result.shape:
            return []
        extra = len(result.shape) - len(kind.shape)
        axes = [*range(extra)]
        axes += [extra + a for a, n in enumerate(kind.shape) if n == 1 and result.shape[extra + a] != 1]
        lines = [f" c{i} = add.reduce(c{i}, {tuple(axes)})"]
        if len(axes) > extra:
            lines.append(f" c{i} = c{i}.reshape({kind.shape})")
        return lines

    def push_source(self, kernel: Kernel) -> list[str]:
        names = [f"d{n}" for n in range(len(self.active))]
        lines = [f" {n} = g[i{i}]" for n, i in zip(names, self.active, strict=True)]
        lines.append(f" if {' and '.join(f'{n} is None' for n in names)}: return")
        if len(self.active) > 1:
            lines += [
                f" if {n} is None: {n} = {self.zero(self.operands[i])}"
                for n, i in zip(names, self.active, strict=True)
            ]
        lines += self.computed(
            [f"c{i}" for i in self.outputs], [kernel.results[i] or "0.0" for i in self.outputs], kernel
        )
        for i in self.outputs:
            kind = self.forms[i]
            assert kind is not None
            if kind.form == "array":
                spread = self.operation.elementwise and any(
                    self.operands[a].shape != kind.shape for a in self.active
                )
                if spread:
                    lines.append(f" c{i} = expand(c{i}, {kind.shape}, {kind.dtype.name})")
                elif not kernel.fresh[i]:
                    lines.append(f" c{i} = copy(c{i})")
            lines.append(f" if o{i} >= 0: g[o{i}] = c{i}")
        return lines

    def zero(self, kind: Kind | None) -> str:
        assert kind is not None
        if kind.form == "array":
            return f"expand(0.0, {kind.shape}, {kind.dtype.name})"
        return f"{kind.dtype.name}(0)"

    # --- results that share memory ---

    def shared(self, i: int, result: Any, values: Any, wrappers: Any, operands: Any) -> Any:
        """Leaf `i` of the result, if it shares memory with an operand: that operand, or a view on it."""
        if type(result) is np.ndarray and result.base is None and not any(result is v for v in values):
            return None
        for value, wrapper in zip(values, wrappers, strict=True):
            if result is value:
                return wrapper.source if hasattr(wrapper, "source") else wrapper
        found = [
            k for k, x in enumerate(operands) if any(x is v and shares_memory(result, v) for v in values)
        ]
        if len(found) > 1:  # operands that share memory with one another
            found = [k for k in found if self.is_view_of(i, k, operands)]
        if not found:
            return None
        k = found[0]
        wrapper = next(w for v, w in zip(values, wrappers, strict=True) if v is operands[k])
        return self.view(i, result, wrapper, k, operands) if isinstance(wrapper, TapeValue) else None

    def is_view_of(self, i: int, k: int, operands: Any) -> bool:
        """Whether leaf `i` of the result is a view on operand `k`."""
        probe = operands[k].copy()
        return shares_memory(self.repeated(i)(*operands[:k], probe, *operands[k + 1 :]), probe)

    def repeated(self, i: int) -> Callable[..., Any]:
        """What gives leaf `i` of the result again."""
        if i not in self.leaf_calls:
            names = ", ".join(f"x{n}" for n in range(len(self.operands)))
            source = f"def call({names}): return flatten({self.operation.source})[0][{i}]"
            self.leaf_calls[i] = self.playback("call", source)
        return self.leaf_calls[i]

    def view(self, i: int, result: Any, wrapper: Any, k: int, operands: Any) -> Any:
        call = self.repeated(i)
        before, after = operands[:k], operands[k + 1 :]

        def step(array: Any) -> Any:
            made = call(*before, array, *after)
            if not shares_memory(made, array):
                raise AssertionError(f"{self.operation.name} gives a view here and a copy there")
            return made

        derive = None
        if not is_writeable(result):
            derive = self.derived(i, k, operands)
        return view(wrapper, result, step, derive=derive)

    def derived(self, i: int, k: int, operands: Any) -> Callable[[Any], Any]:
        """The content of a view that can't be written into, as a function of its parent."""
        before, after = operands[:k], operands[k + 1 :]
        operation = self.operation
        names = ", ".join(f"x{n}" for n in range(len(self.operands)))
        copied = f"def copied({names}): return flatten({operation.source})[0][{i}].copy()"
        call = self.playback("copied", copied)

        def traced(*args: Any) -> Any:
            return flatten_whole(operation.primitive(*args))[0][i]

        again = Repeated(
            Operation(operation.name, "call(" + names + ")", {"call": call}, traced, operation.again)
        )

        def derive(parent: Any) -> Any:
            return again(*before, parent, *after)

        return derive

    def changed(self) -> None:
        raise self.refused("the shape or type of its result depends on values")


class Repeated:
    """An operation with the plans that it has had."""

    def __init__(self, operation: Operation):
        self.operation = operation
        self.plans: dict[tuple[Any, ...], Forward] = {}
        operation.again = self

    def __call__(self, *operands: Any) -> Any:
        from dialectad.tape.memory import deepest, settle

        tape = deepest(operands)
        assert tape is not None
        settled = [settle(x, tape) for x in operands]
        keys = tuple(kind_in(x, tape) for x in settled)
        forward = self.plans.get(keys)
        if forward is None:
            forward = self.plans[keys] = planned(self.operation, settled, keys)
        return forward(*settled)


def kind_in(x: Any, tape: Any) -> Kind:
    """The kind of an operand of an operation that `tape` records."""
    return x.kind if isinstance(x, TapeValue) and x.tape is tape else kinds.of_value(x)


def planned(operation: Operation, operands: Sequence[Any], operand_kinds: Sequence[Kind]) -> Forward:
    """The plan of an operation for operands of the kinds of these, of which one is wrapped."""
    flavour = next(k.flavour for k in operand_kinds if k.flavour is not None)
    values = {
        f"x{i}": x.value if k.flavour is not None else x
        for i, (x, k) in enumerate(zip(operands, operand_kinds, strict=True))
    }
    function = operation.names.get("function")
    if flavour.nested and function is not None:
        from dialectad.tape.calls import outward

        operation = replace(
            operation, names={**operation.names, "function": outward(function, flavour.depth)}
        )
    if operation.example is not None:
        result = operation.example()
    else:
        result = eval(operation.source, {**NAMESPACE, **operation.names, **values})
    return Planner(operation, operand_kinds, flavour, result, function).plan()


def _kind_of_result(leaf: Any) -> Kind | None:
    return kinds.of_value(leaf) if kinds.is_numeric(leaf) else None
