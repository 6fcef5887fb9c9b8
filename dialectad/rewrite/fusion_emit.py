"""Loop nests for the roots of a `fusion_plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    ArrayAttr,
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    TensorType,
    i32,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

from dialectad.rewrite import constants, elementwise, extents
from dialectad.rewrite.elementwise import ELEMENTWISE, UNIFORM, ZERO, Access, Index
from dialectad.rewrite.fusion_plan import Plan
from dialectad.rewrite.structure import insert_before

_PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)
_REDUCTION = IteratorTypeAttr(IteratorType.REDUCTION)
_INDEX = IndexType()


def _expression(index: Index) -> AffineExpr:
    if isinstance(index, int):
        return AffineConstantExpr(0) if index == ZERO else AffineDimExpr(index)
    assert isinstance(index, AffineExpr)
    return index


@cache
def _map_attr(loops: int, access: Access) -> AffineMapAttr:
    return AffineMapAttr(AffineMap(loops, 0, tuple(_expression(i) for i in access)))


@cache
def _iterators(kinds: tuple[bool, ...]) -> ArrayAttr[IteratorTypeAttr]:
    return ArrayAttr([_REDUCTION if reduced else _PARALLEL for reduced in kinds])


@cache
def _segments(inputs: int) -> DenseArrayBase:
    return DenseArrayBase.from_list(i32, [inputs, 1])


@dataclass
class _Elements:
    """Scalar code for elements of tensors, inserted at the end of `block` or before `root`."""

    plan: Plan
    root: Operation
    stored: dict[SSAValue, SSAValue]
    block: Block | None
    "The body of the new generic; None: straight-line code before the root."
    inputs: dict[tuple[SSAValue, Access], BlockArgument] = field(default_factory=dict)
    "What the new generic reads."
    known: dict[tuple[SSAValue, Access], SSAValue] = field(default_factory=dict)

    def insert(self, op: Operation) -> None:
        if self.block is not None:
            self.block.add_op(op)
        else:
            assert self.root.parent is not None
            self.root.parent.insert_op_before(op, self.root)

    def element(self, value: SSAValue, access: Access) -> SSAValue:
        """The element of `value` at `access`."""
        key = (value, access)
        found = self.known.get(key)
        if found is None:
            owner = value.owner
            if isinstance(owner, Operation) and self._is_computed(owner):
                found = self._compute(owner, access)
            else:
                found = self._load(self.stored.get(value, value), access)
            self.known[key] = found
        return found

    def _is_computed(self, op: Operation) -> bool:
        if op not in self.plan.inlined:
            return False
        if type(op) in elementwise.RESHAPES:  # of something stored: a view
            source = op.operands[0].owner
            return isinstance(source, Operation) and self._is_computed(source)
        return True

    def _load(self, value: SSAValue, access: Access) -> SSAValue:
        type_ = value.type
        assert isinstance(type_, TensorType)
        if self.block is None:
            load = tensor.ExtractOp(value, [self.index(i) for i in access], type_.element_type)
            load.location = self.root.location
            self.insert(load)
            return load.result
        argument = self.inputs.get((value, access))
        if argument is None:
            argument = self.block.insert_arg(type_.element_type, len(self.block.args))
            self.inputs[(value, access)] = argument
        return argument

    def _compute(self, op: Operation, access: Access) -> SSAValue:
        kind = type(op)
        if kind in ELEMENTWISE:
            operands = [self.element(o, access) if isinstance(o.type, TensorType) else o for o in op.operands]
            new = kind.create(
                operands=operands,
                result_types=[constants.element_type(op.results[0].type)],
                properties=op.properties,
                attributes=op.attributes,
                location=op.location,
            )
            self.insert(new)
            return new.results[0]
        if kind in UNIFORM:
            return self._uniform(op)
        if isinstance(op, linalg.GenericOp):
            return self._generic(op, access)
        reads = elementwise.reads(op)
        assert reads is not None
        ((value, inner),) = reads
        return self.element(value, elementwise.compose(inner, access))

    def _uniform(self, op: Operation) -> SSAValue:
        source = constants.uniform_source(op.results[0])
        if source is not None:
            return source
        attr = constants.uniform(op.results[0])
        assert attr is not None
        constant = arith.ConstantOp(attr)
        insert_before(self.root, constant)
        return constant.result

    def _generic(self, op: linalg.GenericOp, access: Access) -> SSAValue:
        """The body of a generic that is inlined."""
        positions = elementwise.result_positions(op)
        reads = elementwise.reads(op)
        assert positions is not None
        assert reads is not None
        where = iter(reads)
        arguments: list[SSAValue] = []
        for value in op.inputs:
            if isinstance(value.type, TensorType):
                _, inner = next(where)
                arguments.append(self.element(value, elementwise.compose(inner, access)))
            else:
                arguments.append(value)
        loops = {loop: access[dim] for loop, dim in positions.items()}
        return self.run(op.body.block, arguments, loops)

    def run(self, body: Block, arguments: Sequence[SSAValue], loops: dict[int, Index]) -> SSAValue:
        """Copy the ops of a body; gives what it yields. `loops`: what its loops are here."""
        values: dict[SSAValue, SSAValue] = dict(zip(body.args, arguments, strict=False))
        for op in body.ops:
            if isinstance(op, linalg.YieldOp):
                return values.get(op.operands[0], op.operands[0])
            if isinstance(op, linalg.IndexOp):
                values[op.result] = self.index(loops[op.dim.value.data])
            else:
                self.insert(op.clone(values))
        raise AssertionError("a body without a yield")

    def index(self, index: Index) -> SSAValue:
        """The value of an index."""
        if isinstance(index, SSAValue):
            return index
        if isinstance(index, AffineExpr):
            return self._affine(index)
        if index == ZERO or self.block is None:
            assert index == ZERO
            op: Operation = arith.ConstantOp(IntegerAttr(0, _INDEX))
        else:
            op = linalg.IndexOp(index)
        return self._inserted(op)

    def _affine(self, expression: AffineExpr) -> SSAValue:
        match expression:
            case AffineDimExpr():
                return self.index(expression.position)
            case AffineConstantExpr():
                return self._inserted(arith.ConstantOp(IntegerAttr(expression.value, _INDEX)))
            case AffineBinaryOpExpr():
                a, b = self._affine(expression.lhs), self._affine(expression.rhs)
                if expression.kind is not AffineBinaryOpKind.Mod:
                    return self._inserted(_AFFINE[expression.kind](a, b))
                whole = self._inserted(arith.MuliOp(self._inserted(arith.FloorDivSIOp(a, b)), b))
                return self._inserted(arith.SubiOp(a, whole))
            case _:
                raise AssertionError(f"an index with symbols: {expression}")

    def _inserted(self, op: Operation) -> SSAValue:
        op.location = self.root.location
        self.insert(op)
        return op.results[0]


_AFFINE = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
    AffineBinaryOpKind.FloorDiv: arith.FloorDivSIOp,
    AffineBinaryOpKind.CeilDiv: arith.CeilDivSIOp,
}


@dataclass
class Emitter:
    """Emits the roots of a plan in program order; `stored` maps their results to what replaces them."""

    plan: Plan
    stored: dict[SSAValue, SSAValue] = field(default_factory=dict)

    def emit(self, root: Operation) -> bool:
        """Compute a root by new ops before it; tells whether it was needed."""
        if isinstance(root, tensor.ExtractOp):
            return self._extract(root)
        if isinstance(root, linalg.ReduceOp):
            return self._reduce(root)
        if isinstance(root, linalg.GenericOp):
            return self._generic(root)
        return self._parallel(root)

    def _is_inlined(self, value: SSAValue) -> bool:
        return value.owner in self.plan.inlined

    def _extract(self, root: tensor.ExtractOp) -> bool:
        """An element of something that isn't stored.

        %s = arith.addf %a, %b;  %e = tensor.extract %s[%i]
        ~> %x = tensor.extract %a[%i];  %y = tensor.extract %b[%i];  %e = arith.addf %x, %y
        """
        if not self._is_inlined(root.tensor):
            return False
        elements = _Elements(self.plan, root, self.stored, None)
        self.stored[root.result] = elements.element(root.tensor, tuple(root.indices))
        return True

    def _parallel(self, root: Operation) -> bool:
        """An op that computes each element by itself.

        %s = arith.mulf %a, %b;  %r = math.exp %s
        ~> %r = linalg.generic ins(%a, %b) outs(%empty) { %s = arith.mulf; %r = math.exp %s; yield %r }
        """
        type_ = root.results[0].type
        assert isinstance(type_, TensorType)
        access = tuple(range(type_.get_num_dims()))
        if not access:
            self._scalar(root, type_)
            return True
        elements = _Elements(self.plan, root, self.stored, Block())
        result = elements._compute(root, access)
        out = self._empty(root, type_)
        self._finish(elements, result, out, access, [False] * len(access))
        return True

    def _scalar(self, root: Operation, type_: TensorType) -> None:
        """The same on tensors of rank 0: %r = arith.addf %a, %b ~> extract, add, splat."""
        elements = _Elements(self.plan, root, self.stored, None)
        splat = tensor.SplatOp(elements._compute(root, ()), [], type_)
        insert_before(root, splat)
        self.stored[root.results[0]] = splat.result

    def _reduce(self, root: linalg.ReduceOp) -> bool:
        """A reduction takes over what computes its operand.

        %s = arith.mulf %a, %b;  %r = linalg.reduce ins(%s) outs(%i) dimensions = [0] (%x, %t) { combine }
        ~> %r = linalg.generic ins(%a, %b) outs(%i) { %x = arith.mulf; combine }
        """
        type_ = root.input.type
        assert isinstance(type_, TensorType)
        reduced = root.dimensions.get_values()
        rank = type_.get_num_dims()
        elements = _Elements(self.plan, root, self.stored, Block())
        value = elements.element(root.input, tuple(range(rank)))
        kept = tuple(d for d in range(rank) if d not in reduced)
        self._accumulate(elements, root, [value], root.init, kept, [d in reduced for d in range(rank)])
        return True

    def _generic(self, root: linalg.GenericOp) -> bool:
        """A generic takes over what computes its operands."""
        parallel = elementwise.result_positions(root) is not None
        if not any(self._is_inlined(value) for value in root.inputs):
            return False
        elements = _Elements(self.plan, root, self.stored, Block())
        *accesses, out_access = (elementwise.access_of(m.data) for m in root.indexing_maps)
        arguments = [
            elements.element(value, access) if isinstance(value.type, TensorType) else value
            for value, access in zip(root.inputs, accesses, strict=True)
        ]
        reduced = [i.data is IteratorType.REDUCTION for i in root.iterator_types]
        if parallel:
            loops: dict[int, Index] = {loop: loop for loop in range(len(reduced))}
            result = elements.run(root.body.block, arguments, loops)
            type_ = root.results[0].type
            assert isinstance(type_, TensorType)
            self._finish(elements, result, self._empty(root, type_), out_access, reduced)
        else:
            self._accumulate(elements, root, arguments, root.outputs[0], out_access, reduced)
        return True

    def _accumulate(
        self,
        elements: _Elements,
        root: linalg.GenericOp | linalg.ReduceOp,
        arguments: list[SSAValue],
        out: SSAValue,
        access: Access,
        reduced: list[bool],
    ) -> None:
        """A root that reads its destination."""
        assert elements.block is not None
        old = elements.block.insert_arg(constants.element_type(out.type), len(elements.block.args))
        loops: dict[int, Index] = {loop: loop for loop in range(len(reduced))}
        result = elements.run(elementwise.body(root), [*arguments, old], loops)
        # the operands of an inlined op become inputs in the order of their use: the destination goes last
        last = elements.block.insert_arg(old.type, len(elements.block.args))
        if result is old:
            result = last
        old.replace_all_uses_with(last)
        elements.block.erase_arg(old)
        self._finish(elements, result, self.stored.get(out, out), access, reduced, has_argument=True)

    def _finish(
        self,
        elements: _Elements,
        result: SSAValue,
        out: SSAValue,
        access: Access,
        reduced: list[bool],
        has_argument: bool = False,
    ) -> None:
        root, block = elements.root, elements.block
        assert block is not None
        if not has_argument:
            block.insert_arg(constants.element_type(out.type), len(block.args))
        inputs = list(elements.inputs)
        self._cover(root, block, inputs, access, len(reduced))
        end = linalg.YieldOp.create(operands=[result], location=root.location)
        block.add_op(end)
        generic = linalg.GenericOp.create(
            operands=[*(value for value, _ in inputs), out],
            result_types=[out.type],
            properties={
                "indexing_maps": ArrayAttr(
                    [*(_map_attr(len(reduced), a) for _, a in inputs), _map_attr(len(reduced), access)]
                ),
                "iterator_types": _iterators(tuple(reduced)),
                "operandSegmentSizes": _segments(len(inputs)),
            },
            regions=[Region(block)],
            location=root.location,
        )
        assert root.parent is not None
        root.parent.insert_op_before(generic, root)
        self.stored[root.results[0]] = generic.results[0]

    def _cover(
        self,
        root: Operation,
        block: Block,
        inputs: list[tuple[SSAValue, Access]],
        out_access: Access,
        loops: int,
    ) -> None:
        """Loops whose extent no operand tells any more get it from an operand that is never read.

        linalg.reduce ins(splat of %s) dimensions = [0]  ~>  linalg.generic ins(tensor.empty : tensor<8xi1>)
        """
        covered = {i for _, access in (*inputs, (None, out_access)) for i in access if isinstance(i, int)}
        missing = tuple(loop for loop in range(loops) if loop not in covered)
        if not missing:
            return
        shape, sizes = [], []
        for loop in missing:
            value, dim = _extent_source(root, loop)
            assert isinstance(value.type, TensorType)
            shape.append(value.type.get_shape()[dim])
            if shape[-1] == DYNAMIC_INDEX:
                sizes.append(self._extent(root, value, dim))
        empty = tensor.EmptyOp(sizes, TensorType(_element_of(root), shape))
        insert_before(root, empty)
        block.insert_arg(_element_of(root), len(inputs))
        inputs.append((empty.tensor, missing))

    def _extent(self, root: Operation, value: SSAValue, dim: int) -> SSAValue:
        return extents.extent(value, dim, root, self.stored)

    def _empty(self, root: Operation, type_: TensorType) -> SSAValue:
        sizes = [
            self._extent(root, root.results[0], dim)
            for dim, n in enumerate(type_.get_shape())
            if n == DYNAMIC_INDEX
        ]
        empty = tensor.EmptyOp(sizes, type_)
        insert_before(root, empty)
        return empty.tensor


def _element_of(root: Operation) -> Attribute:
    return constants.element_type(root.results[0].type)


def _extent_source(root: Operation, loop: int) -> tuple[SSAValue, int]:
    """An operand of a root, and the dimension of it, that has the extent of a loop."""
    if isinstance(root, linalg.ReduceOp):
        return root.input, loop
    assert isinstance(root, linalg.GenericOp)
    for value, map_ in zip(root.operands, root.indexing_maps, strict=True):
        access = elementwise.access_of(map_.data)
        if loop in access:
            return value, access.index(loop)
    raise AssertionError("a loop without an extent")
