"""`raise-to-blas`: float products of matrices and vectors become `blas` ops.

Products are recognised by `contractions`; here they absorb what stands around them: a transpose or scaling
of an operand, a scaling of the result, and a sum with what nobody else needs, which becomes the
destination. Scaling moves by distributivity, within what reassociation may change; never by 0, infinity or
NaN, which absorb what BLAS would then not read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import FloatAttr, ModuleOp, TensorType, f64
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import blas
from dialectad.dialects.destination import has_routines
from dialectad.dialects.linalg import DotOp, MatvecOp, VecmatOp
from dialectad.rewrite import constants, contractions, slices, structure
from dialectad.rewrite.contractions import Contraction
from dialectad.rewrite.effects import is_inout

_Product = blas.GemmOp | blas.GemvOp | blas.GerOp
_PRODUCTS = (blas.GemmOp, blas.GemvOp, blas.GerOp)


def _raise(op: Operation, found: Contraction) -> None:
    """A product as a blas op; each operand gives up its transpose and its scaling.

    %t = linalg.transpose ins(%a) permutation = [1, 0]        %e = tensor.empty
    %r = linalg.matmul ins(%t, %b) outs(%zeros)          ~>   %r = blas.gemm(%a, %b, %e) {trans_a, beta = 0}
    """
    alpha_l, lhs = _unscaled(found.lhs)
    alpha_r, rhs = _unscaled(found.rhs)
    alpha = alpha_l * alpha_r
    if found.kind == "dot":
        _raise_dot(op, lhs, rhs, alpha, found.out)
        return
    dest, beta = _destination(op, found.out)
    new: Operation
    if found.kind == "ger":
        new = blas.GerOp(lhs, rhs, dest, alpha=alpha, beta=beta)
    else:
        lhs, trans_a = _untransposed(lhs, found.trans_a, op)
        if found.kind == "gemv":
            new = blas.GemvOp(lhs, rhs, dest, alpha=alpha, beta=beta, flags={"trans": trans_a})
        else:
            rhs, trans_b = _untransposed(rhs, found.trans_b, op)
            flags = {"trans_a": trans_a, "trans_b": trans_b}
            new = blas.GemmOp(lhs, rhs, dest, alpha=alpha, beta=beta, flags=flags)
    structure.insert_before(op, new)
    structure.replace(op, new.results)


def _raise_dot(op: Operation, lhs: SSAValue, rhs: SSAValue, alpha: float, out: SSAValue) -> None:
    """An inner product is a scalar.

    %r = linalg.dot ins(%x, %y) outs(%zero)    ~>    %s = blas.dot(%x, %y);  %r = tensor.splat %s
    """
    dot = blas.DotOp(lhs, rhs)
    structure.insert_before(op, dot)
    total: SSAValue = dot.result
    if alpha != 1.0:
        factor = arith.ConstantOp(FloatAttr(alpha, total.type))  # pyright: ignore
        scaled = arith.MulfOp(total, factor.result)
        structure.insert_before(op, factor, scaled)
        total = scaled.result
    if not constants.is_positive_zero(out):
        start = tensor.ExtractOp(out, [], total.type)
        added = arith.AddfOp(start.result, total)
        structure.insert_before(op, start, added)
        total = added.result
    type_ = op.results[0].type
    assert isinstance(type_, TensorType)
    splat = tensor.SplatOp(total, [], type_)
    structure.insert_before(op, splat)
    structure.replace(op, splat.results)


def _destination(op: Operation, out: SSAValue) -> tuple[SSAValue, float]:
    """Where to write, and beta: zeros needn't be written before."""
    if not constants.is_positive_zero(out):
        return out, 1.0
    owner = out.owner
    if isinstance(owner, linalg.FillOp):
        return owner.outputs[0], 0.0
    sizes = owner.dynamicSizes if isinstance(owner, tensor.SplatOp) else ()
    empty = tensor.EmptyOp(list(sizes), out.type)
    structure.insert_before(op, empty)
    return empty.tensor, 0.0


def _untransposed(value: SSAValue, flag: bool, op: Operation) -> tuple[SSAValue, bool]:
    """What a factor of `op` is a transpose of; a slice of a transpose is the transpose of a slice.

    %t = linalg.transpose ins(%k : 8x4x3) permutation = [0, 2, 1];  %s = extract_slice %t[%i, 0, 0] [1, 3, 4]
    ~> %s = extract_slice %k[%i, 0, 0] [1, 4, 3], transposed
    """
    while True:
        owner = value.owner
        if isinstance(owner, linalg.TransposeOp):
            flag ^= tuple(owner.permutation.get_values()) == (1, 0)
            value = owner.inputs[0]
        elif isinstance(owner, tensor.ExtractSliceOp) and (found := _slice_of_transpose(owner)) is not None:
            part, is_turned = found
            structure.insert_before(op, part)
            flag ^= is_turned
            value = part.result
        else:
            return value, flag


def _slice_of_transpose(op: tensor.ExtractSliceOp) -> tuple[tensor.ExtractSliceOp, bool] | None:
    """A matrix as a slice of what is transposed, and whether it is the transpose of that.

    None where its elements wouldn't be neighbours in memory, which is what BLAS needs.
    """
    transpose = op.source.owner
    if not isinstance(transpose, linalg.TransposeOp):
        return None
    permutation = transpose.permutation.get_values()
    first, second = slices.kept_dims(op)
    if len(permutation) - 1 not in (permutation[first], permutation[second]):
        return None
    order = sorted(range(len(permutation)), key=permutation.__getitem__)
    offsets, sizes, strides = (
        [found[dim] for dim in order]
        for found in (slices.offsets(op), slices.written_sizes(op), slices.strides(op))
    )
    is_turned = permutation[first] > permutation[second]
    assert isinstance(op.result.type, TensorType)
    shape = op.result.type.get_shape()[:: -1 if is_turned else 1]
    type_ = TensorType(op.result.type.element_type, shape)
    return tensor.ExtractSliceOp(transpose.inputs[0], offsets, sizes, strides, type_), is_turned


def _unscaled(value: SSAValue) -> tuple[float, SSAValue]:
    """(c, x) where `value` = c x was computed for one use only."""
    alpha = 1.0
    while value.has_one_use():
        owner = value.owner
        if isinstance(owner, arith.NegfOp):
            alpha, value = -alpha, owner.operand
        elif isinstance(owner, arith.MulfOp) and (found := _scaling(owner)) is not None:
            alpha, value = alpha * found[0], found[1]
        else:
            break
    return (alpha, value) if _can_scale(alpha) else (1.0, value)


def _scaling(op: arith.MulfOp) -> tuple[float, SSAValue] | None:
    for factor, value in ((op.rhs, op.lhs), (op.lhs, op.rhs)):
        number = constants.uniform_float(factor)
        if number is not None and _can_scale(number):
            return number, value
    return None


def _can_scale(number: float) -> bool:
    return number != 0.0 and math.isfinite(number)


def _fresh_product(value: SSAValue, user: Operation) -> _Product | None:
    """The product that computes `value` for `user` alone, into a destination that isn't read."""
    owner = value.owner
    if not isinstance(owner, _PRODUCTS) or owner.parent is not user.parent or not value.has_one_use():
        return None
    return owner if owner.beta.value.data == 0.0 else None


def _is_taken_over(value: SSAValue) -> bool:
    """Whether a product may write over `value`: nobody else reads it, and it isn't cheap to read again."""
    if not value.has_one_use():
        return False
    owner = value.owner
    if isinstance(value, BlockArgument):
        parent = value.block.parent_op()
        return not isinstance(parent, func.FuncOp) or is_inout(parent, value.index)
    return not isinstance(owner, tensor.SplatOp | linalg.BroadcastOp | arith.ConstantOp | linalg.FillOp)


def _rescaled(product: _Product, alpha: float, dest: SSAValue, beta: float) -> Operation:
    return type(product).create(
        operands=[product.lhs, product.rhs, dest],
        result_types=[dest.type],
        properties={
            **product.properties,
            "alpha": FloatAttr(alpha, f64),
            "beta": FloatAttr(beta, f64),
        },
        location=product.location,
    )


def _fold(op: Operation, product: _Product, new: Operation) -> None:
    block = op.parent
    assert block is not None
    block.insert_op_before(new, op)
    structure.replace(op, new.results)
    structure.erase(product)


def _fold_sum(op: arith.AddfOp | arith.SubfOp) -> None:
    """A sum with a product writes over the other term.

    %p = blas.gemm(%a, %b, %e) {beta = 0};  %r = arith.addf %c, %p
    ~> %r = blas.gemm(%a, %b, %c) {beta = 1}

    So it does if the product is reshaped before: the other term is reshaped to what that is.
    """
    minus = isinstance(op, arith.SubfOp)
    for value, other, sign, beta in (
        (op.rhs, op.lhs, -1.0 if minus else 1.0, 1.0),
        (op.lhs, op.rhs, 1.0, -1.0 if minus else 1.0),
    ):
        reshapes = _reshapes(value, op)
        product = _fresh_product(reshapes[-1].operands[0] if reshapes else value, op)
        if product is None or not _is_taken_over(other) or other.type != value.type:
            continue
        if reshapes and isinstance(other.owner, tensor.ExtractSliceOp):
            continue  # its elements needn't lie one after the other
        for reshape in reshapes:
            other = _inserted(structure.reshaped_back(reshape, other), op)
        alpha = sign * product.alpha.value.data
        total = _inserted(_rescaled(product, alpha, other, beta), op)
        for reshape in reversed(reshapes):
            total = _inserted(reshape.clone({reshape.operands[0]: total}), op)
        structure.replace(op, [total])
        for user in reshapes:
            structure.erase(user)
        structure.erase(product)
        return


def _reshapes(value: SSAValue, user: Operation) -> list[structure.Reshape]:
    """The reshapes of static shapes, the last first, by which `value` is made for `user` alone."""
    found: list[structure.Reshape] = []
    while isinstance(owner := value.owner, structure.Reshape) and value.has_one_use():
        value = owner.operands[0]
        types = (value.type, owner.results[0].type)
        if owner.parent is not user.parent or not all(
            isinstance(t, TensorType) and t.has_static_shape() for t in types
        ):
            break
        found.append(owner)
    return found


def _inserted(op: Operation, before: Operation) -> SSAValue:
    """Insert an op of one result; gives that."""
    structure.insert_before(before, op)
    return op.results[0]


def _fold_scaling(op: arith.MulfOp) -> None:
    """A constant factor of a product is its alpha.

    %p = blas.gemm(%a, %b, %e) {alpha = 1, beta = 0};  %r = arith.mulf %p, %twos
    ~> %r = blas.gemm(%a, %b, %e) {alpha = 2, beta = 0}
    """
    found = _scaling(op)
    product = _fresh_product(found[1], op) if found is not None else None
    if found is None or product is None:
        return
    alpha = found[0] * product.alpha.value.data
    if _can_scale(alpha):
        _fold(op, product, _rescaled(product, alpha, product.dest, 0.0))


def _fold_negation(op: arith.NegfOp) -> None:
    """The same for a factor of -1."""
    product = _fresh_product(op.operand, op)
    if product is not None:
        alpha = -product.alpha.value.data
        _fold(op, product, _rescaled(product, alpha, product.dest, 0.0))


def _raise_named(op: Operation) -> None:
    found = contractions.named(op)
    if found is not None and _is_supported(found):
        _raise(op, found)


def _raise_generic(op: linalg.GenericOp) -> None:
    found = contractions.generic(op)
    if found is not None and _is_supported(found):
        _raise(op, found)


def _raise_reduction(op: linalg.ReduceOp) -> None:
    product = op.input.owner
    found = contractions.reduction(op)
    if found is not None and _is_supported(found):
        assert isinstance(product, Operation)
        _raise(op, found)
        structure.erase(product)


def _is_supported(found: Contraction) -> bool:
    return all(has_routines(constants.element_type(v.type)) for v in (found.lhs, found.rhs, found.out))


_RULES: dict[type[Operation], Callable[..., None]] = {
    linalg.MatmulOp: _raise_named,
    MatvecOp: _raise_named,
    VecmatOp: _raise_named,
    DotOp: _raise_named,
    linalg.GenericOp: _raise_generic,
    linalg.ReduceOp: _raise_reduction,
    arith.AddfOp: _fold_sum,
    arith.SubfOp: _fold_sum,
    arith.MulfOp: _fold_scaling,
    arith.NegfOp: _fold_negation,
}


def _visit(block: Block) -> None:
    op = block.first_op
    while op is not None:
        following = op.next_op
        rule = _RULES.get(type(op))
        if rule is not None:
            if op.results and isinstance(op.results[0].type, TensorType):
                rule(op)
        else:
            for region in op.regions:
                for inner in region.blocks:
                    _visit(inner)
        op = following


@dataclass(frozen=True)
class RaiseToBlasPass(ModulePass):
    """Turn float products of matrices and vectors into `blas` ops."""

    name = "raise-to-blas"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for region in op.regions:
            for block in region.blocks:
                _visit(block)
