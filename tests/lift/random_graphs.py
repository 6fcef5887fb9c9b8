"""Random functions of the `llvm` dialect: any control flow, and loops that count in every way.

`graph` gives `@name(%x: i64, %t: !llvm.ptr) -> i64` with random edges, reducible or not. Memory at `%t` holds
fuel, used up by one in each block, and a number that each block changes: two runs that leave the same number
took the same way. Without fuel every block takes the edge that leads towards the exit.

`counted` gives loops, one in the other, with every kind of test, step and bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

FUEL = 60


@dataclass
class _Block:
    name: str
    params: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    successors: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def graph(rng: Random, name: str, *, size: int) -> str:
    """A function of about `size` blocks."""
    count = rng.randint(1, size)
    shape = rng.choice(("any", "any", "forward", "near"))
    blocks = [_Block(f"^b{i}") for i in range(count)]
    for i, block in enumerate(blocks[:-1]):
        block.successors = [_target(rng, i, count, shape) for _ in range(rng.choice((1, 2, 2, 2, 2, 3, 6)))]
        if i + 1 not in block.successors and rng.random() < 0.6:
            block.successors[0] = i + 1
    if count > 1 and rng.random() < 0.2:  # a second way out
        blocks[rng.randrange(1, count)].successors = []
    distance = _distances(blocks)
    for i, block in enumerate(blocks):  # a block from which nothing leads out goes to the last
        if i not in distance:
            block.successors = [count - 1] if block.successors != [] else []
    distance = _distances(blocks)
    order, dominators = _dominators(blocks)
    for i, block in enumerate(blocks):
        if i:
            block.params = [f"%p{i}_{k}" for k in range(rng.choice((0, 1, 1, 2)))]
    for i in order:
        block = blocks[i]
        inherited = ["%x"] if i == 0 else list(blocks[dominators[i]].values)
        block.values = [*inherited, *block.params]
        _fill(rng, block, i)
    for i in order:
        _terminate(rng, blocks, i, distance)
    text = []
    for i in sorted(order):
        block = blocks[i]
        params = ", ".join(f"{param}: i64" for param in block.params)
        text += [f"{block.name}({params}):" if params else f"{block.name}:"] if i else []
        text += [f"  {line}" for line in block.lines]
    return "\n".join([f"llvm.func @{name}(%x: i64, %t: !llvm.ptr) -> i64 {{", *text, "}"])


def _target(rng: Random, i: int, count: int, shape: str) -> int:
    if shape == "forward" and rng.random() < 0.85:
        return rng.randint(i + 1, count - 1)
    if shape == "near" and rng.random() < 0.9:
        return min(count - 1, max(1, i + rng.choice((-3, -2, -1, 0, 1, 1, 2, 3))))
    return rng.randint(1, count - 1)


def _distances(blocks: list[_Block]) -> dict[int, int]:
    """Block -> how far it is from a way out."""
    found = {i: 0 for i, block in enumerate(blocks) if not block.successors}
    for _ in blocks:
        for i, block in enumerate(blocks):
            near = [found[j] + 1 for j in block.successors if j in found]
            if near and min(near) < found.get(i, len(blocks) + 1):
                found[i] = min(near)
    return found


def _dominators(blocks: list[_Block]) -> tuple[list[int], dict[int, int]]:
    """The reachable blocks so that each comes after its immediate dominator, and that dominator."""
    reachable = _reach(blocks, None)
    above = {i: {d for d in reachable if d == i or i not in _reach(blocks, d)} for i in reachable}
    order = sorted(reachable, key=lambda i: len(above[i]))
    return order, {i: max(above[i] - {i}, key=lambda d: len(above[d])) for i in order if i}


def _reach(blocks: list[_Block], without: int | None) -> set[int]:
    seen: set[int] = set()
    pending = [0]
    while pending:
        i = pending.pop()
        if i not in seen and i != without:
            seen.add(i)
            pending += blocks[i].successors
    return seen


def _fill(rng: Random, block: _Block, i: int) -> None:
    lines = block.lines
    lines += [
        f"%fp{i} = llvm.getelementptr %t[1] : (!llvm.ptr) -> !llvm.ptr, i64",
        f"%f{i} = llvm.load %fp{i} : !llvm.ptr -> i64",
        f"%one{i} = llvm.mlir.constant(1) : i64",
        f"%g{i} = llvm.sub %f{i}, %one{i} : i64",
        f"llvm.store %g{i}, %fp{i} : i64, !llvm.ptr",
        f"%h{i} = llvm.load %t : !llvm.ptr -> i64",
        f"%prime{i} = llvm.mlir.constant({31 + i}) : i64",
        f"%m{i} = llvm.mul %h{i}, %prime{i} : i64",
        f"%a{i} = llvm.add %m{i}, {rng.choice(block.values)} : i64",
        f"llvm.store %a{i}, %t : i64, !llvm.ptr",
    ]
    for k in range(rng.choice((0, 1, 1, 2))):
        op = rng.choice(("add", "sub", "mul", "xor"))
        name = f"%v{i}_{k}"
        lines.append(f"{name} = llvm.{op} {rng.choice(block.values)}, {rng.choice(block.values)} : i64")
        block.values.append(name)
    if rng.random() < 0.4:
        block.values.append(f"%a{i}")


def _edge(rng: Random, source: _Block, target: _Block) -> str:
    if not target.params:
        return target.name
    args = ", ".join(rng.choice(source.values[-6:]) for _ in target.params)
    return f"{target.name}({args} : {', '.join('i64' for _ in target.params)})"


def _terminate(rng: Random, blocks: list[_Block], i: int, distance: dict[int, int]) -> None:
    block = blocks[i]
    edges = [_edge(rng, block, blocks[j]) for j in block.successors]
    value = rng.choice(block.values)
    if not edges:
        block.lines.append(f"llvm.return {value} : i64")
        return
    if len(edges) == 1:
        block.lines.append(f"llvm.br {edges[0]}")
        return
    nearest = min(range(len(edges)), key=lambda k: distance[block.successors[k]])
    edges[0], edges[nearest] = edges[nearest], edges[0]
    block.lines += [
        f"%zero{i} = llvm.mlir.constant(0) : i64",
        f'%on{i} = llvm.icmp "sgt" %f{i}, %zero{i} : i64',
        f"%s{i} = llvm.mlir.constant({rng.randint(0, 3)}) : i64",
        f"%hash{i} = llvm.lshr %a{i}, %s{i} : i64",
    ]
    if len(edges) == 2:
        block.lines += [
            f"%bit{i} = llvm.trunc %hash{i} : i64 to i1",
            f"%c{i} = llvm.and %bit{i}, %on{i} : i1",
            f"llvm.cond_br %c{i}, {edges[1]}, {edges[0]}",
        ]
        return
    cases = ", ".join(f"{k}: {edge}" for k, edge in enumerate(edges[1:], start=1))
    block.lines += [
        f"%mask{i} = llvm.mlir.constant(7) : i64",
        f"%low{i} = llvm.and %hash{i}, %mask{i} : i64",
        f"%way{i} = llvm.select %on{i}, %low{i}, %zero{i} : i1, i64",
        f"llvm.switch %way{i} : i64, {edges[0]} [{cases}]",
    ]
