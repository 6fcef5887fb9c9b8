"""Replace every request for a derivative by a call of a function that computes it.

    %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, active = [0], seeds = [0], level = "linalg"}>
    =>
    %y, %dx = func.call @f.vjp_0_of_0(%x, %dy)

    func.func private @f.vjp_0_of_0(%x, %dy) { <the body of f>; <its reverse sweep>; return %y, %dx }

Requests inside a callee are replaced first, so that a gradient of a gradient differentiates the code of
the inner one. Equal requests share a function. At the end `ad.stop` has done its work, but in functions that
are still to be differentiated, at a later point of the pipeline:

    %y = "ad.stop"(%x)  =>  %x
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FunctionType,
    ModuleOp,
    StringAttr,
    UnrealizedConversionCastOp,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.ad import rules
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import is_differentiable
from dialectad.ad.forward import Forward
from dialectad.ad.halves import Halves, divide
from dialectad.ad.isolate import Isolation, Request, add_private, replace, requests_in
from dialectad.ad.isolate_memory import call_in_memory
from dialectad.ad.llvm_form import make_derivatives
from dialectad.ad.memory_form import OUTS, MemoryForm, in_memory_type, outs_of
from dialectad.ad.prepare import prepare
from dialectad.ad.prepare_calls import prepare_calls
from dialectad.ad.prepare_memory import prepare_memory
from dialectad.ad.reverse import Reverse, body_ops
from dialectad.ad.runs import splice
from dialectad.dialects.ad import (
    MEMORY,
    POINTS,
    REQUESTS,
    TAPE,
    AugmentedOp,
    PullbackOp,
    StopOp,
    VJPOp,
    point_of,
)
from dialectad.dialects.call_rule import rule_symbols
from dialectad.errors import CompileError
from dialectad.walk import walk

rules.load()


@dataclass(frozen=True)
class DifferentiatePass(ModulePass):
    name = "differentiate"

    level: str = "linalg"
    """The requests of which point of the pipeline are replaced; the others are left."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.level not in POINTS:
            raise CompileError(
                f"there is no level {self.level!r}",
                hint=f"the levels are: {', '.join(POINTS)}",
                pass_name=self.name,
            )
        if self.level == "llvm":
            make_derivatives(op)
        else:
            Differentiator(op, self.level).run()


def _error(message: str, op: Operation, hint: str | None = None) -> CompileError:
    return CompileError(message, locations.of(op), hint=hint, pass_name="differentiate")


class Differentiator:
    def __init__(self, module: ModuleOp, point: str):
        self.module = module
        self.point = point
        self.functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
        self.made: dict[tuple[object, ...], func.FuncOp] = {}
        self.done: set[str] = set()
        self.under_way: list[str] = []
        self.turns: dict[func.FuncOp, tuple[Operation, Sequence[SSAValue]]] = {}
        """Function made in reverse mode -> the first op of its reverse sweep, and the shadows in it."""
        self.apart: dict[tuple[object, ...], func.FuncOp] = {}
        """Requests in memory form as functions that are called, see `_call_apart`."""
        self.divided: dict[tuple[object, ...], tuple[str, str]] = {}
        """The names of the halves that were made."""
        self.isolation = Isolation(self.functions)
        self.again = self._differentiated_later()
        """The functions that are still to be differentiated: in them, and in what is made for them, calls are
        checkpoints, for halves are differentiated no more."""

    def run(self) -> None:
        for name in tuple(self.functions):
            self.function(name)
        if self.point == "linalg":
            self.isolation.isolate_callees(requests_in(walk(self.module)))
        for function in self.apart.values():
            self.isolation.isolate(function.body.block, self.point, mixed=False)
        later = self._differentiated_later()
        for name, function in self.functions.items():
            for op in [op for op in walk(function) if isinstance(op, StopOp) and name not in later]:
                op.result.replace_all_uses_with(op.value)
                op.detach()
                op.erase()

    def _differentiated_later(self) -> set[str]:
        """The functions that requests of other points ask for, and those that these call."""
        found: set[str] = set()
        pending = [name for op in walk(self.module) if isinstance(op, REQUESTS) for name in _named(op)]
        while pending:
            name = pending.pop()
            if name in self.functions and name not in found:
                found.add(name)
                pending += [inner for op in walk(self.functions[name]) for inner in _named(op)]
        return found

    def function(self, name: str) -> func.FuncOp:
        """The function of that name, with all requests in it and below it replaced."""
        function = self.functions[name]
        if name in self.done:
            return function
        self.under_way.append(name)
        requests: list[Request | PullbackOp] = []
        for op in walk(function):
            callee = _callee(op)
            if callee is None:
                continue
            if callee not in self.functions:
                raise _error(f"{op.name} of an unknown function @{callee}", op)
            if isinstance(op, Request | PullbackOp) and _point(op) == self.point:
                if callee in self.under_way:
                    raise _error(
                        f"@{callee} asks for a derivative of itself",
                        op,
                        hint="let it ask for the derivative of a function that doesn't call it",
                    )
                requests.append(op)
            if callee not in self.under_way:
                self.function(callee)
        for request in requests:
            try:
                if isinstance(request, PullbackOp):
                    self.pullback(request)
                else:
                    self.request(request)
            except CompileError as problem:
                problem.level = problem.level or request.level.data
                raise
        self.under_way.pop()
        self.done.add(name)
        return function

    def request(self, op: Request) -> None:
        """Replace one request by a call."""
        primal = self.functions[op.callee.root_reference.data]
        _check(op, primal)
        active = _positions(op.active)
        seeds = _positions(op.seeds) if isinstance(op, VJPOp) else None
        made = self._derivative(primal, active, seeds, op.level, halved=_holder(op) not in self.again)
        call = func.CallOp(made.sym_name.data, op.operands, made.function_type.outputs.data)
        replace(op, call)

    def pullback(self, op: PullbackOp) -> None:
        """Replace a request for the pullback of an earlier run, and with it that run."""
        primal = self.functions[op.callee.root_reference.data]
        halved = _holder(op) not in self.again
        made = self._derivative(primal, _positions(op.active), _positions(op.seeds), op.level, halved=halved)
        augmented = op.run.owner
        assert isinstance(augmented, AugmentedOp)
        splice(made, self.turns[made][0], augmented, op)

    def _derivative(
        self,
        primal: func.FuncOp,
        active: tuple[int, ...],
        seeds: tuple[int, ...] | None,
        level: StringAttr,
        *,
        halved: bool,
    ) -> func.FuncOp:
        """The function that computes a derivative; equal requests share it, those within it too."""
        key = (primal, active, seeds, level, halved)
        if (made := self.made.get(key)) is None:
            type_ = _type(primal, active, seeds, in_memory=self.point in MEMORY)
            made = self.made[key] = add_private(self.functions, primal, _suffix(active, seeds), type_)
            self.done.add(made.sym_name.data)
            if not halved:
                self.again.add(made.sym_name.data)
            if self._stays(primal) and (halved or self.point not in MEMORY):
                self.isolation.staying.add(made.sym_name.data)
            halves = self._halves(made, level) if halved else None
            self._make(made, primal, active, seeds, level.data, halves)
            self._complete(made)
        return made

    def _halves(self, function: func.FuncOp, level: StringAttr) -> Halves:
        def names(callee: str, active: Sequence[int], seeds: Sequence[int]) -> tuple[str, str]:
            return self._divided(self.functions[callee], tuple(active), tuple(seeds), level)

        return Halves(level.data, names, function)

    def _divided(
        self, primal: func.FuncOp, active: tuple[int, ...], seeds: tuple[int, ...], level: StringAttr
    ) -> tuple[str, str]:
        """The halves of a derivative; those that it calls itself may be these."""
        key = (primal, active, seeds, level)
        if (known := self.divided.get(key)) is not None:
            return known
        in_memory, suffix = self.point in MEMORY, _suffix(active, seeds)
        types = _types_of_halves(primal, active, seeds, in_memory=in_memory)
        first, second = (
            add_private(self.functions, primal, suffix.replace("vjp", name), type_)
            for name, type_ in zip(("augmented", "pullback"), types, strict=True)
        )
        names = self.divided[key] = first.sym_name.data, second.sym_name.data
        if in_memory:
            first.attributes[OUTS] = primal.attributes[OUTS]
        self.isolation.staying.update(names)
        self.done.update(names)
        type_ = _type(primal, active, seeds, in_memory=in_memory)
        joint = add_private(self.functions, primal, suffix, type_)
        halves = self._halves(joint, level)
        self._make(joint, primal, active, seeds, level.data, halves, divided=True)
        divide(joint.body.block, *self.turns.pop(joint), first, second)
        del self.functions[joint.sym_name.data]
        joint.detach()
        joint.erase()
        for half in (first, second):
            self._complete(half)
        return names

    def _complete(self, made: func.FuncOp) -> None:
        for request in requests_in(list(walk(made))):
            if _point(request) != self.point:
                continue
            primal = self.functions[request.callee.root_reference.data]
            again = made.sym_name.data in self.again
            if again and self.point in MEMORY and self._stays(primal):
                self._call_apart(request, primal)
            else:
                self.request(request)
        self._complete_callees(made)

    def _stays(self, function: func.FuncOp) -> bool:
        return function.sym_name.data in self.isolation.staying

    def _call_apart(self, op: Request, primal: func.FuncOp) -> None:
        """Replace a request in a derivative that is to be differentiated again by a call that can be, too: of
        a function that reads its arguments and writes its outs, like any other, and asks for the derivative.
        """
        key = (op.name, *op.properties.values())
        if (known := self.apart.get(key)) is not None:
            call_in_memory(op, primal, lambda _: known)
            return

        def add(type_: FunctionType) -> func.FuncOp:
            made = self.apart[key] = add_private(self.functions, primal, "request", type_)
            for names in (self.done, self.again, self.isolation.staying):
                names.add(made.sym_name.data)
            return made

        call_in_memory(op, primal, add)
        for request in requests_in(list(walk(self.apart[key]))):
            self.request(request)

    def _complete_callees(self, made: func.FuncOp) -> None:
        """Replace the requests in what a derivative calls: parts of rules (`ad/rules/ruled_calls.py`)."""
        for op in walk(made):
            if isinstance(op, func.CallOp) and (name := _callee(op)) in self.functions:
                assert name is not None
                if name not in self.under_way:
                    self.function(name)

    def _copy(self, primal: func.FuncOp, function: func.FuncOp, level: str) -> Block:
        """Give `function` the body of `primal` with all calls inlined, but for those of a later level and
        those that stay."""
        function.body.detach_block(0)
        primal.body.clone_into(function.body)
        self.isolation.isolate(function.body.block, self.point, mixed=level == "mixed", level=level)
        return function.body.block

    def _make(
        self,
        function: func.FuncOp,
        primal: func.FuncOp,
        active: tuple[int, ...],
        seeds: tuple[int, ...] | None,
        level: str,
        halves: Halves | None,
        *,
        divided: bool = False,
    ) -> None:
        """Give `function` a body: that of `primal`, and its derivative."""
        block = self._copy(primal, function, level)
        args = list(block.args)
        if halves is not None and divided:
            halves.take_tape()
        if self.point in MEMORY:
            self._in_memory(function, args, outs_of(primal), active, seeds, level, halves)
        elif seeds is None:
            self._jvp(function, primal, [args[i] for i in active])
        else:
            self._vjp(function, primal, [args[i] for i in active], seeds, halves)

    def _in_memory(
        self,
        function: func.FuncOp,
        args: Sequence[SSAValue],
        count: int,
        active: tuple[int, ...],
        seeds: tuple[int, ...] | None,
        level: str,
        halves: Halves | None,
    ) -> None:
        """`count` of the arguments are outs."""
        first_out = len(args) - count
        arguments, outs = [args[i] for i in active], list(args[first_out:])
        deallocations = prepare_memory(function, blas_rules=not level.endswith("-no-blas"))
        form = MemoryForm(function, arguments, outs, deallocations, halves=halves)
        if seeds is None:
            floats = [out for out in outs if is_differentiable(out.type)]
            form.add_tangents(floats, [[value.type] for value in (*arguments, *floats)])
        else:
            cotangents = [outs[i] for i in seeds]
            form.add_reverse_sweep(
                cotangents, [[in_memory_type(value.type)] for value in (*arguments, *cotangents)]
            )
            assert form.turn is not None
            self.turns[function] = form.turn, form.shadows
        _finish(function, _terminator(function.body.block), [])

    def _vjp(
        self,
        function: func.FuncOp,
        primal: func.FuncOp,
        arguments: Sequence[SSAValue],
        seeds: tuple[int, ...],
        halves: Halves | None,
    ) -> None:
        block = function.body.block
        prepare(block, Activity.varied_by(block, arguments), reverse=True)
        terminator = _terminator(block)
        prepare_calls(block, arguments, [terminator.operands[i] for i in seeds])
        activity = Activity.of(block, arguments, (terminator.operands[i] for i in seeds))
        turn = UnrealizedConversionCastOp.create()
        block.insert_op_before(turn, terminator)
        sweep = Reverse(block, activity, InsertPoint.before(terminator), halves)
        for position in seeds:
            result = terminator.operands[position]
            sweep.accumulate(result, block.insert_arg(result.type, len(block.args)))
        with sweep.emitter.deriving(terminator):
            sweep.block(body_ops(block))
        with sweep.emitter.deriving(primal):
            cotangents = [sweep.materialized(argument) for argument in arguments]
        assert turn.next_op is not None
        self.turns[function] = turn.next_op, [*sweep.shadows.values()]
        block.erase_op(turn)
        _finish(function, terminator, cotangents)

    def _jvp(self, function: func.FuncOp, primal: func.FuncOp, arguments: Sequence[SSAValue]) -> None:
        block = function.body.block
        prepare(block, Activity.varied_by(block, arguments), reverse=False)
        terminator = _terminator(block)
        results = [operand for operand in terminator.operands if is_differentiable(operand.type)]
        activity = Activity.of(block, arguments, results)
        sweep = Forward(activity, InsertPoint.before(terminator))
        for argument in arguments:
            sweep.set_tangent(argument, block.insert_arg(argument.type, len(block.args)))
        sweep.block(body_ops(block))
        terminator = _terminator(block)
        results = [operand for operand in terminator.operands if is_differentiable(operand.type)]
        with sweep.emitter.deriving(primal), sweep.emitter.at(InsertPoint.before(terminator)):
            tangents = [sweep.materialized(result) for result in results]
        _finish(function, terminator, tangents)


def _suffix(active: tuple[int, ...], seeds: tuple[int, ...] | None) -> str:
    numbers = "_".join(map(str, active))
    return f"jvp_{numbers}" if seeds is None else f"vjp_{numbers}_of_" + "_".join(map(str, seeds))


def _positions(attr: DenseArrayBase) -> tuple[int, ...]:
    return tuple(attr.get_values())  # pyright: ignore[reportAttributeAccessIssue]


def _point(op: Request | PullbackOp) -> str:
    """Where in the pipeline `op` is replaced."""
    point = point_of(op.level.data)
    if point not in POINTS:
        raise _error(f"there is no level {op.level}", op, hint=f"the levels are: {', '.join(POINTS)}")
    return point


def _callee(op: Operation) -> str | None:
    return op.callee.root_reference.data if isinstance(op, (*REQUESTS, func.CallOp)) else None


def _named(op: Operation) -> list[str]:
    """The functions that `op` mentions."""
    callee = _callee(op)
    return [] if callee is None else [callee, *rule_symbols(op)]


def _terminator(block: Block) -> Operation:
    terminator = block.last_op
    assert isinstance(terminator, func.ReturnOp)
    return terminator


def _finish(function: func.FuncOp, terminator: Operation, more: list[SSAValue]) -> None:
    """Return `more` too, and give the function the type that its body has now."""
    terminator.operands = [*terminator.operands, *more]
    function.properties["function_type"] = FunctionType.from_lists(
        [argument.type for argument in function.body.block.args],
        [value.type for value in terminator.operands],
    )


def _type(
    primal: func.FuncOp, active: tuple[int, ...], seeds: tuple[int, ...] | None, *, in_memory: bool
) -> FunctionType:
    """The type of a derivative, which calls of it need before it has a body."""
    operands, results = _signature(primal, active, seeds, in_memory=in_memory)
    return FunctionType.from_lists(operands, results)


def _signature(
    primal: func.FuncOp, active: tuple[int, ...], seeds: tuple[int, ...] | None, *, in_memory: bool
) -> tuple[list[Attribute], list[Attribute]]:
    """The types of what a derivative takes and gives."""
    inputs, outputs = list(primal.function_type.inputs), list(primal.function_type.outputs)
    expected = list(inputs)
    if in_memory:
        first_out = len(inputs) - outs_of(primal)
        inputs, outputs = inputs[:first_out], inputs[first_out:]
    given = [inputs[i] for i in active]
    if seeds is not None:
        cotangents = [outputs[i] for i in seeds]
        expected += [*map(in_memory_type, given), *cotangents] if in_memory else cotangents
        results = [*outputs, *given]
    else:
        tangents = [o for o in outputs if is_differentiable(o)]
        expected += [*given, *tangents] if in_memory else given
        results = [*outputs, *tangents]
    return expected, [] if in_memory else results


def _types_of_halves(
    primal: func.FuncOp, active: tuple[int, ...], seeds: tuple[int, ...], *, in_memory: bool
) -> tuple[FunctionType, FunctionType]:
    """The types of what the two halves of a derivative take and give."""
    operands, results = _signature(primal, active, seeds, in_memory=in_memory)
    inputs, outputs = list(primal.function_type.inputs), list(primal.function_type.outputs)
    first = FunctionType.from_lists([TAPE, *inputs], outputs)
    return first, FunctionType.from_lists([TAPE, *operands], results[len(outputs) :])


def _holder(op: Operation) -> str:
    """The function that `op` is in."""
    while not isinstance(op, func.FuncOp):
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op.sym_name.data


def _check(op: Request, primal: func.FuncOp) -> None:
    if primal.is_declaration:
        raise _error(f"@{primal.sym_name.data} has no body to differentiate", op)
    in_memory = OUTS in primal.attributes
    if in_memory != (_point(op) in MEMORY):
        raise _error(
            f"{op.name} of level {op.level.data} where @{primal.sym_name.data} is "
            f"{'in memory form' if in_memory else 'not in memory form yet'}",
            op,
        )
    inputs, outputs = list(primal.function_type.inputs), list(primal.function_type.outputs)
    if in_memory:
        first_out = len(inputs) - outs_of(primal)
        inputs, outputs = inputs[:first_out], inputs[first_out:]
    active, seeds = _positions(op.active), _positions(op.seeds) if isinstance(op, VJPOp) else None
    for position in active:
        _check_position(op, "argument", position, inputs)
    for position in seeds or ():
        _check_position(op, "result", position, outputs)
    expected, results = _signature(primal, active, seeds, in_memory=in_memory)
    for what, got, wanted in (
        ("operands", list(op.operand_types), expected),
        ("results", list(op.result_types), results),
    ):
        if got != wanted:
            raise _error(
                f"{op.name} of @{primal.sym_name.data}: {what} of types ({_types(wanted)}) expected, "
                f"got ({_types(got)})",
                op,
            )


def _types(types: Sequence[Attribute]) -> str:
    return ", ".join(map(str, types))


def _check_position(op: Request, what: str, position: int, types) -> None:
    if not 0 <= position < len(types):
        raise _error(f"{op.name}: there is no {what} {position}", op)
    if not is_differentiable(types[position]):
        raise _error(
            f"{op.name}: {what} {position} is of type {types[position]}, which has no derivative",
            op,
            hint="differentiate with respect to floating-point arguments only",
        )
