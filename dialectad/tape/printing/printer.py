"""Prints the part of a function's body that gives some of its values.

    %4 = arith.constant 1.0 : f64
    %3 = arith.mulf %r, %r : f64
    %5 = arith.subf %4, %3 : f64          =>   (d0 * (1.0 - (r0 * r0)))
    %6 = arith.mulf %d, %5 : f64

A value that is used once becomes part of the expression that uses it, any other gets a name `t0`, `t1`, ...
What is asked for decides what is printed: primal values that are given aren't computed again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr, TensorType, i1
from xdsl.ir import Block, Operation, SSAValue

from dialectad.dialects.ad import StopOp
from dialectad.frontend import dtypes
from dialectad.tape.printing.spelling import Spelling
from dialectad.tape.printing.text import Form, Text, Unprintable, dtype_name, element_of, shape_of
from dialectad.walk import walk

Rule = Callable[["Printer", Any], Text]

RULES: dict[type[Operation], Rule] = {}
"""How ops that aren't elementwise are printed."""


def prints(*op_types: type[Operation]) -> Callable[[Rule], Rule]:
    """Register how ops are printed."""

    def register(rule: Rule) -> Rule:
        for op_type in op_types:
            RULES[op_type] = rule
        return rule

    return register


class Printer:
    """Prints values of one block as Python statements and expressions."""

    def __init__(
        self, spelling: Spelling, given: Mapping[SSAValue, str], unsigned: Set[SSAValue] = frozenset()
    ):
        self.spelling = spelling
        self.given = dict(given)
        """The values that the generated code gets, and their names."""
        self.unsigned = unsigned
        """Those of them that are unsigned for NumPy. What the code computes itself is signed."""
        self.statements: list[str] = []
        self.constants: dict[str, Any] = {}
        """Objects that the generated code refers to by name."""
        self.texts: dict[SSAValue, Text] = {}
        self.uses: dict[SSAValue, int] = {}
        self.used: set[str] = set()
        """The names of `given` that occur."""

    # --- what is asked for ---

    def print(self, values: Sequence[SSAValue]) -> list[Text]:
        """Expressions for values, to be evaluated after `statements`."""
        for op in self._needed(values):
            self._op(op)
        return [self.whole(v) for v in values]

    def _needed(self, values: Sequence[SSAValue]) -> Iterable[Operation]:
        """The ops to print, in program order; counts the uses of values by these."""
        found: set[Operation] = set()
        pending = list(values)
        while pending:
            value = pending.pop()
            self.uses[value] = self.uses.get(value, 0) + 1
            if value in self.given:
                continue
            op = value.owner
            if isinstance(op, Block):
                raise Unprintable("a value of another function is needed")
            if op not in found:
                found.add(op)
                pending += op.operands
                for inner in walk(op):
                    pending += (o for o in inner.operands if inner is not op and _outside(o, op))
        if not found:
            return ()
        block = next(iter(found)).parent
        assert block is not None
        return [op for op in block.ops if op in found]

    def _op(self, op: Operation) -> None:
        if len(op.results) != 1:
            raise Unprintable.op(op)
        result = op.results[0]
        text = self.text_of(op)
        if self.uses.get(result, 0) > 1 and not _is_atom(text.source):
            text = Text(self.temporary(text.source), text.form, text.fresh)
        self.texts[result] = text

    def text_of(self, op: Operation) -> Text:
        """The expression of an op whose operands have theirs."""
        if not self.unsigned.isdisjoint(op.operands) and type(op) not in _OF_UNSIGNED:
            raise Unprintable.op(op)
        if (rule := RULES.get(type(op))) is not None:
            return rule(self, op)
        operands = [self[o] for o in op.operands]
        return Text(
            self._elementwise(op, [o.source for o in operands]), joint_form([o.form for o in operands])
        )

    def _elementwise(self, op: Operation, operands: Sequence[str]) -> str:
        found: str | None = None
        match op:
            case arith.CmpfOp():
                found = self.spelling.compare_floats(op.predicate.value.data, *operands)
            case arith.CmpiOp():
                found = self.spelling.compare_integers(op.predicate.value.data, *operands)
            case arith.SelectOp():
                found = self.spelling.select(*operands)
            case arith.XOrIOp() if _is_true(op.operands[1]):
                found = self.spelling.negation(operands[0])
            case _:
                template = self.spelling.template(type(op))
                found = None if template is None else template.format(*operands)
        if found is None:
            raise Unprintable.op(op)
        return found

    # --- for rules ---

    def __getitem__(self, value: SSAValue) -> Text:
        """The expression of a value, of whatever form."""
        if (name := self.given.get(value)) is not None:
            self.used.add(name)
            return Text(name, Form.WHOLE if isinstance(value.type, TensorType) else Form.NUMBER, fresh=False)
        return self.texts[value]

    def whole(self, value: SSAValue) -> Text:
        """The expression of a value, as an array of its shape."""
        text = self[value]
        if text.form is Form.WHOLE or not shape_of(value):
            return text
        return Text(f"expand({text.source}, {shape_of(value)}, {dtype_name(element_of(value))})")

    def temporary(self, source: str) -> str:
        """A new name that is bound to what an expression gives."""
        name = f"t{len(self.statements)}"
        self.statements.append(f"{name} = {source}")
        return name

    def bound(self, prefix: str, value: Any) -> str:
        """A name under which generated code finds an object."""
        name = f"{prefix}{len(self.constants)}"
        self.constants[name] = value
        return name

    def used_once(self, value: SSAValue) -> bool:
        return self.uses.get(value, 0) == 1


def joint_form(forms: Sequence[Form]) -> Form:
    """The form of what an elementwise operation makes of arrays of these forms."""
    if Form.WHOLE in forms:
        return Form.WHOLE
    return Form.SPREAD if Form.SPREAD in forms else Form.NUMBER


def _outside(value: SSAValue, op: Operation) -> bool:
    """Whether a value used within `op` is defined around it."""
    block = value.owner if isinstance(value.owner, Block) else value.owner.parent
    at: Operation | None = None if block is None else block.parent_op()
    while at is not None:
        if at is op:
            return False
        at = at.parent_op()
    return True


def _is_atom(source: str) -> bool:
    return source.replace(".", "").replace("_", "").isalnum()


def _is_true(value: SSAValue) -> bool:
    op = value.owner
    if not isinstance(op, arith.ConstantOp):
        return False
    match op.value:
        case IntegerAttr():
            return bool(op.value.value.data)
        case DenseIntOrFPElementsAttr():
            return bool(op.value.is_splat() and next(iter(op.value.get_values())))
        case _:
            return False


@prints(arith.ConstantOp)
def _constant(printer: Printer, op: arith.ConstantOp) -> Text:
    type_ = op.results[0].type
    match op.value:
        case FloatAttr() | IntegerAttr():
            return Text(_number(printer, op.value.value.data, type_), Form.NUMBER)
        case DenseIntOrFPElementsAttr() if isinstance(type_, TensorType):
            elements = list(op.value.get_values())
            if op.value.is_splat() and elements:
                return Text(_number(printer, elements[0], type_.element_type), Form.NUMBER)
            array = np.array(elements, dtypes.from_ir(type_)).reshape(type_.get_shape())
            return Text(printer.bound("array", array), fresh=False)
        case _:
            raise Unprintable.op(op)


def _number(printer: Printer, value: Any, type_: Any) -> str:
    dtype = dtypes.from_ir(type_)
    if dtype == np.float64:
        value = float(value)
        if math.isfinite(value):
            return repr(value) if value >= 0 and math.copysign(1, value) > 0 else f"({value!r})"
        return "nan" if math.isnan(value) else "inf" if value > 0 else "(-inf)"
    if dtype.kind == "b":
        return repr(bool(value))
    if dtype == np.int64:
        return repr(int(value))
    return printer.bound(dtype.name + "_", dtype.type(value))


@prints(
    arith.ExtFOp,
    arith.TruncFOp,
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.FPToSIOp,
    arith.TruncIOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
)
def _cast(printer: Printer, op: Operation) -> Text:
    if type(op) in _OF_UNSIGNED and not _has_no_sign(printer, op.operands[0]):
        raise Unprintable.op(op)
    operand = printer[op.operands[0]]
    target = dtype_name(element_of(op.results[0]))
    if printer.spelling.numbers and target == "float64":
        return Text(f"float({operand.source})", Form.NUMBER)
    return Text(f"cast({operand.source}, {target})", operand.form)


_OF_UNSIGNED = (arith.ExtUIOp, arith.UIToFPOp)
"""The ops that take numbers as NumPy does if they are unsigned there."""


def _has_no_sign(printer: Printer, value: SSAValue) -> bool:
    return value in printer.unsigned or element_of(value) == i1


@prints(arith.IndexCastOp, StopOp)
def _same(printer: Printer, op: Operation) -> Text:
    return printer[op.operands[0]]
