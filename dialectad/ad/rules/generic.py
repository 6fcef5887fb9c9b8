"""The one rule of `linalg.generic`: differentiate the scalar body and swap the indexing maps.

    %y[i] = generic(%a[m0], %b[m1]) outs(%o[m2]) { yield f(a, b) }

gives one op for each active operand, with the body of the primal, its derivative, and that operand's map
as the map of the result:

    %da[m0] = generic(%a[m0], %b[m1], %dy[m2]) outs(%da[m0]) { yield da + dy * df/da }

Iterators that the operand's map doesn't use become reductions. A body that reduces is `o + f(a, b)` here;
`prepare` turns all others, and those that read elements of an active tensor, into loops first. A scalar
that the body captures is an operand with an empty map.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.rewriter import InsertPoint

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import element_type, is_differentiable
from dialectad.ad.build import PARALLEL, REDUCTION, generic_of, prune
from dialectad.ad.forward import Forward
from dialectad.ad.reverse import Reverse, body_ops
from dialectad.ad.rule import Rule, register
from dialectad.ad.structured import Parts, dims_of, is_permutation


class Generic(Rule):
    def reads(self, op: Operation) -> Iterable[SSAValue]:
        assert isinstance(op, linalg.GenericOp)
        parts = Parts(op)
        values = [*op.inputs, *parts.captured, *(op.outputs if parts.reads_out else ())]
        return (v for v in values if is_differentiable(v.type))

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, linalg.GenericOp)
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        parts = Parts(op)
        init = op.outputs[0]
        for position, operand in enumerate(op.inputs):
            if sweep.active(operand):
                self._contribute(sweep, parts, d, operand, position)
        for operand in parts.captured:
            if sweep.active(operand):
                self._contribute(sweep, parts, d, operand, None)
        if parts.reads_out and sweep.active(init):
            if parts.reduces:
                sweep.accumulate(init, d)
            else:
                self._contribute(sweep, parts, d, init, len(op.inputs))

    def _contribute(
        self, sweep: Reverse, parts: Parts, d: SSAValue, operand: SSAValue, position: int | None
    ) -> None:
        """Add to the cotangent of an operand; `position` among the body's arguments, None if captured."""
        maps, emitter = parts.maps, sweep.emitter
        is_tensor = isinstance(operand.type, TensorType)
        rank = maps[0].num_dims
        to = maps[position] if position is not None and is_tensor else AffineMap(rank, 0, ())
        injective = is_permutation(to)
        scalar = element_type(operand.type)

        ins = [(v, m) for v, m in zip(parts.op.inputs, maps, strict=False)]
        args: list[SSAValue] = list(parts.body.args[:-1])
        if parts.reads_out and not parts.reduces:
            ins.append((parts.op.outputs[0], maps[-1]))
            args.append(parts.out_arg)
        block = Block(arg_types=[*(a.type for a in args), element_type(d.type), scalar])
        *new_args, d_arg, acc = block.args
        mapper: dict[SSAValue, SSAValue] = dict(zip(args, new_args, strict=True))
        mapper |= {value: sweep.primal(value) for value in parts.captured}
        seed = _copy_body(parts, block, mapper)
        target = mapper[operand] if position is None else mapper[parts.body.args[position]]

        inner = Reverse(block, Activity.of(block, [target], [seed]), InsertPoint.at_end(block))
        inner.emitter.location = emitter.location
        inner.accumulate(seed, d_arg)
        inner.block(block.ops)
        if (contribution := inner.cotangent(target)) is None:
            return
        current = sweep.cotangent(operand) if is_tensor else None
        if injective and current is None:
            dest = sweep.empty_like(operand)
        else:
            contribution = inner.emitter.add(acc, contribution)
            if is_tensor:
                dest = sweep.zero_of(operand) if current is None else current
            else:
                dest = emitter.zero(TensorType(scalar, []))
        inner.emitter.insert(linalg.YieldOp(contribution))
        prune(block)

        kept = _prune_inputs(block, [*ins, (d, maps[-1])], to)
        iterators = [PARALLEL if injective or _is_plain(to, i) else REDUCTION for i in range(rank)]
        primal = [(v if v is d else sweep.primal(v), m) for v, m in kept]
        result = emitter.emit(generic_of(primal, dest, to, iterators, block))
        if is_tensor:
            sweep.replace(operand, result)
        else:
            sweep.accumulate(operand, emitter.emit(tensor.ExtractOp(result, [], scalar)))

    def forward(self, sweep: Forward, op: Operation) -> None:
        """One op with the primal's loops, the tangents of the operands among its inputs."""
        assert isinstance(op, linalg.GenericOp)
        parts, emitter = Parts(op), sweep.emitter
        init, maps = op.outputs[0], parts.maps
        t_init = sweep.tangent(init) if parts.reads_out else None
        ins = [(v, m) for v, m in zip(op.inputs, maps, strict=False)]
        args: list[SSAValue] = list(parts.body.args[:-1])
        if parts.reads_out and not parts.reduces:
            ins.append((init, maps[-1]))
            args.append(parts.out_arg)
        moving = [(v, m, a) for (v, m), a in zip(ins, args, strict=True) if sweep.tangent(v) is not None]
        captured = [v for v in parts.captured if sweep.tangent(v) is not None]
        if not moving and not captured:
            sweep.set_tangent(op.results[0], t_init)
            return
        scalar = element_type(op.results[0].type)
        types = [*(a.type for a in args), *(a.type for _, _, a in moving), scalar]
        block = Block(arg_types=types)
        mapper: dict[SSAValue, SSAValue] = dict(zip(args, block.args, strict=False))
        seed = _copy_body(parts, block, mapper)
        varied = [*(mapper[a] for _, _, a in moving), *captured]
        inner = Forward(Activity.of(block, varied, [seed]), InsertPoint.at_end(block))
        inner.emitter.location = emitter.location
        for (_, _, a), t in zip(moving, block.args[len(args) :], strict=False):
            inner.set_tangent(mapper[a], t)
        for value in captured:
            inner.set_tangent(value, sweep.tangent(value))
        inner.block(block.ops)
        if (t := inner.tangent(seed)) is None:
            sweep.set_tangent(op.results[0], t_init if parts.reduces else None)
            return
        dest = sweep.empty_like(op.results[0])
        if parts.reduces:
            t = inner.emitter.add(block.args[-1], t)
            dest = sweep.materialized(init)
        inner.emitter.insert(linalg.YieldOp(t))
        prune(block)
        ins += [(sweep.materialized(v), m) for v, m, _ in moving]
        kept = _prune_inputs(block, ins, maps[-1])
        iterators = tuple(op.iterator_types)
        sweep.set_tangent(op.results[0], emitter.emit(generic_of(kept, dest, maps[-1], iterators, block)))


def _copy_body(parts: Parts, block: Block, mapper: dict[SSAValue, SSAValue]) -> SSAValue:
    """Copy the body but for its terminator and the final addition; give what is yielded (or added)."""
    skip = parts.yielded.owner if parts.reduces else None
    for op in body_ops(parts.body):
        if op is not skip:
            block.add_op(op.clone(mapper))
    seed = parts.addend if parts.reduces else parts.yielded
    assert seed is not None
    return mapper.get(seed, seed)


def _is_plain(map_: AffineMap, dim: int) -> bool:
    """Whether `dim` is a coordinate of the map by itself, and in no other expression of it."""
    plain = sum(1 for e in map_.results if isinstance(e, AffineDimExpr) and e.position == dim)
    return plain == 1 and all(isinstance(e, AffineDimExpr) or dim not in e.used_dims() for e in map_.results)


def _prune_inputs(
    block: Block, ins: Sequence[tuple[SSAValue, AffineMap]], out_map: AffineMap
) -> list[tuple[SSAValue, AffineMap]]:
    """Drop the inputs that the body doesn't use, as long as all loops still have a bound."""
    covered = set(dims_of(out_map))
    used = [arg.first_use is not None for arg in block.args[:-1]]
    for (_, m), keep in zip(ins, used, strict=True):
        if keep:
            covered |= set(dims_of(m))
    for i, (_, m) in enumerate(ins):
        if not used[i] and not covered.issuperset(dims_of(m)):
            used[i] = True
            covered |= set(dims_of(m))
    for i in reversed(range(len(ins))):
        if not used[i]:
            block.erase_arg(block.args[i])
    return [pair for pair, keep in zip(ins, used, strict=True) if keep]


register(linalg.GenericOp, Generic())
