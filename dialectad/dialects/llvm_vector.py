"""Ops of `llvm` on vectors that xDSL lacks, or has for scalars only; named and printed as upstream does.

%x = llvm.extractelement %v[%i : i64] : vector<4xf64>
%m = llvm.fcmp "olt" %v, %w : vector<4xf64>
%u = llvm.select %m, %v, %w : vector<4xi1>, vector<4xf64>

The last two have the names of the ops on scalars, as upstream. They aren't parsed: text gives xDSL's ops.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects import llvm as upstream
from xdsl.dialects.builtin import AnyFloatConstr, IntegerAttr, IntegerType, VectorType, i1
from xdsl.dialects.llvm import FastMathAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class ExtractElementOp(IRDLOperation):
    """A lane of a vector."""

    name = "llvm.extractelement"
    T: ClassVar = VarConstraint("T", AnyAttr())
    vector = operand_def(VectorType.constr(T))
    position = operand_def(IntegerType)
    res = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$vector `[` $position `:` type($position) `]` attr-dict `:` type($vector)"

    def __init__(self, vector: SSAValue, position: SSAValue):
        assert isinstance(vector.type, VectorType)
        super().__init__(operands=[vector, position], result_types=[vector.type.element_type])


@irdl_op_definition
class VectorFCmpOp(IRDLOperation):
    """Compare the lanes of two vectors of floats."""

    name = "llvm.fcmp"
    T: ClassVar = VarConstraint("T", VectorType.constr(AnyFloatConstr))
    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(VectorType.constr(i1))
    predicate = prop_def(IntegerAttr)
    fastmathFlags = prop_def(FastMathAttr, default_value=FastMathAttr(None))
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())
    print = upstream.FCmpOp.print


@irdl_op_definition
class VectorSelectOp(IRDLOperation):
    """Choose between the lanes of two vectors."""

    name = "llvm.select"
    T: ClassVar = VarConstraint("T", VectorType.constr())
    cond = operand_def(VectorType.constr(i1))
    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(T)
    fastmathFlags = prop_def(FastMathAttr, default_value=FastMathAttr(None))
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())
    assembly_format = upstream.SelectOp.assembly_format

    def verify_(self) -> None:
        if _lanes(self.cond.type) != _lanes(self.res.type):
            raise VerifyException(f"{self.cond.type} can't choose between the lanes of {self.res.type}")


def _lanes(t: Attribute) -> int:
    assert isinstance(t, VectorType)
    return t.get_shape()[0]
