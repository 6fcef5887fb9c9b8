"""`solve-systems`: systems of equations are solved by the shortest way.

A product by an inverse that is computed for nothing else is the solution of a system:

    %r = lapack.getrs(%a, %f, %identity);  %x = blas.gemv(%r, %b, %e) {trans, beta = 0}       inv(a) @ b
    ~>
    %x = lapack.getrs(%a, %f, %b)

and a system whose matrix is a Cholesky factor needs no other factors:

    %l = lapack.potrf(%m);  %f = lapack.getrf(%rows_of_l);  %x = lapack.getrs(%l, %f, %b)     solve(l, b)
    ~>
    %l = lapack.potrf(%m);  %x = lapack.trtrs(%l, %b)

Solutions are those of NumPy but for rounding, and no less accurate. If some numbers aren't finite, others may
be finite that aren't so with NumPy, where they met the first, multiplied by zeros: it takes `fastmath`.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, FloatAttr, IntegerAttr, ModuleOp, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from dialectad.dialects import blas, lapack
from dialectad.remarks import remark
from dialectad.rewrite import constants, structure
from dialectad.rewrite.product_costs import is_static, shape_of
from dialectad.walk import walk

_ONE_GROUP = ArrayAttr([ArrayAttr([IntegerAttr(dim, i64) for dim in range(2)])])

# --- inverses ---


def _inverse(value: SSAValue, user: Operation) -> lapack.GetrsOp | None:
    """What computes `value`, the transpose of an inverse, for `user` alone, as often as that runs."""
    op = value.owner
    if not isinstance(op, lapack.GetrsOp) or op.trans is not None or op.complex is not None:
        return None
    if op.parent is not user.parent or not value.has_one_use():
        return None
    return op if _is_identity(op.dest) else None


def _is_identity(value: SSAValue) -> bool:
    """Whether this is `linalg.generic { index(0) == index(1) ? 1.0 : 0.0 }`."""
    op = value.owner
    if not isinstance(op, linalg.GenericOp) or op.inputs or len(op.outputs) != 1:
        return False
    if op.indexing_maps.data[0].data != AffineMap.identity(2):
        return False
    end = op.body.block.last_op
    choice = end.operands[0].owner if end is not None else None
    if not isinstance(choice, arith.SelectOp):
        return False
    numbers = constants.uniform_float(choice.lhs), constants.uniform_float(choice.rhs)
    test = choice.cond.owner
    if numbers != (1.0, 0.0) or not isinstance(test, arith.CmpiOp) or test.predicate.value.data != 0:
        return False
    dims = [index.owner.dim.value.data for index in test.operands if isinstance(index.owner, linalg.IndexOp)]
    return sorted(dims) == [0, 1]


def _insert(op: Operation, before: Operation) -> SSAValue:
    structure.insert_before(before, op)
    return op.results[0]


def _transposed(value: SSAValue, before: Operation) -> SSAValue:
    type_ = TensorType(constants.element_type(value.type), shape_of(value)[::-1])
    empty = _insert(tensor.EmptyOp([], type_), before)
    return _insert(linalg.TransposeOp(value, empty, DenseArrayBase.from_list(i64, [1, 0]), type_), before)


def _solved(inverse: lapack.GetrsOp, rows: SSAValue, before: Operation, *, trans: bool) -> SSAValue:
    return _insert(lapack.GetrsOp(inverse.matrix, inverse.factors, rows, trans=trans), before)


def _solve(op: blas.GemmOp | blas.GemvOp) -> None:
    """R = A^-T as it is computed: R' b solves a system with A, and R b one with A'."""
    if not is_static(op):
        return
    if isinstance(op, blas.GemvOp):
        found = _by_vector(op)
    elif (inverse := _inverse(op.lhs, op)) is not None:
        rows = op.rhs if op.trans_b is not None else _transposed(op.rhs, op)
        found = _transposed(_solved(inverse, rows, op, trans=op.trans_a is None), op)
    elif (inverse := _inverse(op.rhs, op)) is not None:  # the rows of B A^-1 are those of A^-T B'
        rows = op.lhs if op.trans_a is None else _transposed(op.lhs, op)
        found = _solved(inverse, rows, op, trans=op.trans_b is not None)
    else:
        return
    if found is not None:
        remark("solve-systems", op, "a product by an inverse is the solution of a system")
        value = _scaled(found, op.alpha.value.data, op)
        if op.reads_destination():
            value = _insert(arith.AddfOp(value, _scaled(op.dest, op.beta.value.data, op)), op)
        structure.replace(op, [value])


def _scaled(value: SSAValue, factor: float, before: Operation) -> SSAValue:
    if factor == 1.0:
        return value
    element = constants.element_type(value.type)
    number = _insert(arith.ConstantOp(FloatAttr(factor, element)), before)  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert isinstance(value.type, TensorType)
    return _insert(arith.MulfOp(_insert(tensor.SplatOp(number, [], value.type), before), value), before)


def _by_vector(op: blas.GemvOp) -> SSAValue | None:
    inverse = _inverse(op.lhs, op)
    if inverse is None:
        return None
    shape = [1, *shape_of(op.rhs)]
    type_ = TensorType(constants.element_type(op.rhs.type), shape)
    row = _insert(tensor.ExpandShapeOp(op.rhs, [], _ONE_GROUP, shape, type_), op)
    found = _solved(inverse, row, op, trans=op.trans is None)
    return _insert(
        tensor.CollapseShapeOp.create(
            operands=[found], result_types=[op.rhs.type], properties={"reassociation": _ONE_GROUP}
        ),
        op,
    )


# --- triangles ---


def _cholesky_factor(value: SSAValue) -> tuple[SSAValue, bool] | None:
    """The factor that `value` is, and whether transposed."""
    is_transposed = False
    while isinstance(owner := value.owner, linalg.TransposeOp):
        is_transposed = not is_transposed
        value = owner.inputs[0]
    if isinstance(owner, lapack.PotrfOp) and owner.complex is None:
        return value, is_transposed
    return None


def _without_factors(op: lapack.GetrfOp) -> None:
    """The pivots of a triangular matrix are its diagonal."""
    factors = op.results[0]
    users = [use.operation for use in factors.uses]
    systems = [user for user in users if isinstance(user, lapack.GetrsOp)]
    found = [_cholesky_factor(system.matrix) for system in systems]
    rest = [user for user in users if not isinstance(user, lapack.GetrsOp)]
    if not systems or op.complex is not None or not all(_gives_pivots(user) for user in rest):
        return
    if any(triangle is None for triangle in found):
        return
    for system, triangle in zip(systems, found, strict=True):
        assert triangle is not None
        remark("solve-systems", system, "a system with a Cholesky factor is solved as it is")
        trans = (system.trans is not None) != triangle[1]
        solved = lapack.TrtrsOp(triangle[0], system.dest, trans=trans)
        structure.insert_before(system, solved)
        structure.replace(system, solved.results)
    structure.replace(op, [op.dest])


def _gives_pivots(op: Operation) -> bool:
    """Whether of the factors only the diagonal is read."""
    if not isinstance(op, tensor.ExtractSliceOp) or any(op.static_offsets.get_values()):
        return False
    return all(_reads_diagonal(use.operation) for use in op.result.uses)


def _reads_diagonal(op: Operation) -> bool:
    if not isinstance(op, linalg.GenericOp) or len(op.inputs) != 1 or len(op.indexing_maps) != 2:
        return False
    source, target = (m.data for m in op.indexing_maps)
    return source.num_dims == 1 and len(source.results) == 2 and target == AffineMap.identity(1)


@dataclass(frozen=True)
class SolveSystemsPass(ModulePass):
    """Solve systems of equations without inverses, and triangular ones without other factors."""

    name = "solve-systems"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = list(walk(op))
        for product in found:
            if isinstance(product, blas.GemmOp | blas.GemvOp):
                _solve(product)
        for factors in found:
            if isinstance(factors, lapack.GetrfOp):
                _without_factors(factors)
