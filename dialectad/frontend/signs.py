"""Makes the integers of a traced module signless, see Note [Signedness] in `dtypes.py`."""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FunctionType,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    Signedness,
    TensorType,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.rewriter import Rewriter

from dialectad.walk import walk


def erase_signs(module: ModuleOp) -> None:
    """`ui8` becomes `i8` wherever it occurs.

    %1 = arith.divui %0, %c : ui8        =>    %1 = arith.divui %0, %c : i8
    %2 = arith.bitcast %1 : ui8 to i8
    """
    for op in list(walk(module)):
        for value in op.results:
            _retype(value)
        for region in op.regions:
            for block in region.blocks:
                for argument in block.args:
                    _retype(argument)
        for attributes in (op.properties, op.attributes):
            for name, attribute in attributes.items():
                if (signless := _signless(attribute)) is not attribute:
                    attributes[name] = signless
        if isinstance(op, arith.BitcastOp) and op.input.type == op.result.type:
            op.result.replace_all_uses_with(op.input)
            op.detach()
            op.erase()


def _retype(value: SSAValue) -> None:
    if (type_ := _signless(value.type)) is not value.type:
        Rewriter.replace_value_with_new_type(value, type_)


def _signless(attribute: Attribute) -> Attribute:
    """The attribute itself if there is nothing to change in it."""
    match attribute:
        case IntegerType() if attribute.signedness.data is Signedness.UNSIGNED:
            return IntegerType(attribute.width)
        case TensorType() if (element := _signless(attribute.element_type)) is not attribute.element_type:
            return TensorType(element, attribute.shape, attribute.encoding)
        case IntegerAttr() if (type_ := _signless(attribute.type)) is not attribute.type:
            return IntegerAttr(attribute.value.data, type_)  # pyright: ignore
        case DenseIntOrFPElementsAttr() if (type_ := _signless(attribute.type)) is not attribute.type:
            return DenseIntOrFPElementsAttr(type_, attribute.data)  # pyright: ignore[reportArgumentType, reportCallIssue]
        case FunctionType():
            inputs, outputs = (
                [_signless(t) for t in types] for types in (attribute.inputs, attribute.outputs)
            )
            return FunctionType.from_lists(inputs, outputs)
        case _:
            return attribute
