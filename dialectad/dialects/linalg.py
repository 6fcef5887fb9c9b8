"""The upstream named `linalg` ops that xDSL doesn't have: `dot`, `matvec`, `vecmat`.

They print and parse as upstream MLIR does and carry the same hidden body, so everything that works on
xDSL's `linalg.matmul` works on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects import linalg as upstream
from xdsl.dialects.builtin import ArrayAttr, TensorType
from xdsl.dialects.linalg import ops
from xdsl.dialects.linalg.abstract_ops import NamedOperation
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Dialect, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.irdl import irdl_op_definition

_PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)
_REDUCTION = IteratorTypeAttr(IteratorType.REDUCTION)


class _Contraction(NamedOperation):
    """A named contraction with fixed indexing maps and the multiply-add body of a matmul."""

    MAPS: ClassVar[tuple[AffineMap, AffineMap, AffineMap]]
    ITERATORS: ClassVar[tuple[IteratorTypeAttr, ...]]

    def __init__(self, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]):
        super().__init__(
            ins=inputs,
            outs=outputs,
            result_types=[[o.type for o in outputs if isinstance(o.type, TensorType)]],
            hidden_region=self.get_hidden_region(inputs, outputs),
        )

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]):
        return ops.MatmulOp.get_hidden_region(inputs, outputs)

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        return self.MAPS

    def get_iterator_types(self) -> ArrayAttr[IteratorTypeAttr]:
        return ArrayAttr(self.ITERATORS)


@irdl_op_definition
class DotOp(_Contraction):
    """outs[] += sum_k lhs[k] rhs[k]"""

    name = "linalg.dot"
    MAPS: ClassVar[tuple[AffineMap, AffineMap, AffineMap]] = (
        AffineMap.from_callable(lambda k: (k,)),
        AffineMap.from_callable(lambda k: (k,)),
        AffineMap(1, 0, ()),
    )
    ITERATORS: ClassVar[tuple[IteratorTypeAttr, ...]] = (_REDUCTION,)


@irdl_op_definition
class MatvecOp(_Contraction):
    """outs[i] += sum_k lhs[i, k] rhs[k]"""

    name = "linalg.matvec"
    MAPS: ClassVar[tuple[AffineMap, AffineMap, AffineMap]] = (
        AffineMap.from_callable(lambda i, k: (i, k)),
        AffineMap.from_callable(lambda i, k: (k,)),
        AffineMap.from_callable(lambda i, k: (i,)),
    )
    ITERATORS: ClassVar[tuple[IteratorTypeAttr, ...]] = (_PARALLEL, _REDUCTION)


@irdl_op_definition
class VecmatOp(_Contraction):
    """outs[j] += sum_k lhs[k] rhs[k, j]"""

    name = "linalg.vecmat"
    MAPS: ClassVar[tuple[AffineMap, AffineMap, AffineMap]] = (
        AffineMap.from_callable(lambda j, k: (k,)),
        AffineMap.from_callable(lambda j, k: (k, j)),
        AffineMap.from_callable(lambda j, k: (j,)),
    )
    ITERATORS: ClassVar[tuple[IteratorTypeAttr, ...]] = (_PARALLEL, _REDUCTION)


Linalg = Dialect(
    "linalg",
    [*upstream.Linalg.operations, DotOp, MatvecOp, VecmatOp],
    [*upstream.Linalg.attributes],
)
