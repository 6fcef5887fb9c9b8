"""A minimum cut: the fewest bytes that have to be kept, so that all that is needed can be computed.

The nodes are values; an edge leads from a value to what is computed of it. *Lost* values can't be had again
unless they are kept; *needed* ones have to be had. Keeping a value costs its size, and computing one from
others that are there costs nothing. Of all sets of the least size, the one closest to the needed values is
taken, which leaves the least to be computed again.

The cut is found as the dual of a maximum flow, of which all shortest paths are filled at once (Dinic, 1970).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

_INFINITE = 1 << 60

Node = TypeVar("Node", bound=Hashable)


def minimum_cut(
    edges: Mapping[Node, Iterable[Node]],
    lost: Sequence[Node],
    needed: Sequence[Node],
    cost: Mapping[Node, int],
) -> list[Node]:
    """Which nodes to keep.

    Parameters
    ----------
    edges : mapping
        Node -> what is computed of it.
    lost, needed : sequence
        Where paths begin and end.
    cost : mapping
        Of keeping each node.

    Returns
    -------
    list
        Nodes of the least total cost that meet every path from `lost` to `needed`, in the order of `cost`.

    Examples
    --------
    >>> minimum_cut({"x": ["y", "z"]}, ["x"], ["y", "z"], {"x": 8, "y": 8, "z": 8})
    ['x']
    """
    number = {node: i for i, node in enumerate(cost)}
    source, sink = 2 * len(number), 2 * len(number) + 1
    residual: list[dict[int, int]] = [{} for _ in range(2 * len(number) + 2)]

    def connect(a: int, b: int, capacity: int) -> None:
        residual[a][b] = residual[a].get(b, 0) + capacity
        residual[b].setdefault(a, 0)

    # A node is an edge from where paths enter it to where they leave it, whose capacity is its cost.
    for node, i in number.items():
        connect(2 * i, 2 * i + 1, cost[node])
        for following in edges.get(node, ()):
            connect(2 * i + 1, 2 * number[following], _INFINITE)
    for node in lost:
        connect(source, 2 * number[node], _INFINITE)
    for node in needed:
        connect(2 * number[node] + 1, sink, _INFINITE)
    while (distance := _distances(residual, source))[sink] >= 0:
        _fill(residual, distance, source, sink)
    behind = _reaching(residual, sink)
    return [node for node, i in number.items() if 2 * i not in behind and 2 * i + 1 in behind]


def _distances(residual: list[dict[int, int]], source: int) -> list[int]:
    """From the source, over edges with room for flow; -1: there is no way."""
    distance = [-1] * len(residual)
    distance[source] = 0
    queue = deque([source])
    while queue:
        a = queue.popleft()
        for b, capacity in residual[a].items():
            if capacity > 0 and distance[b] < 0:
                distance[b] = distance[a] + 1
                queue.append(b)
    return distance


def _fill(residual: list[dict[int, int]], distance: list[int], source: int, sink: int) -> None:
    """Send flow along shortest paths until each has an edge without room."""
    untried = {source: iter(tuple(residual[source]))}
    path = [source]
    while path:
        a = path[-1]
        if a == sink:
            amount = min(residual[a][b] for a, b in pairwise(path))
            for a, b in pairwise(path):
                residual[a][b] -= amount
                residual[b][a] += amount
            # Back to where there may be room left: to the start of the first edge that is full.
            full = next(i for i, (a, b) in enumerate(pairwise(path)) if residual[a][b] == 0)
            del path[full + 1 :]
            continue
        for b in untried[a]:
            if residual[a][b] > 0 and distance[b] == distance[a] + 1:
                untried.setdefault(b, iter(tuple(residual[b])))
                path.append(b)
                break
        else:
            path.pop()


def _reaching(residual: list[dict[int, int]], sink: int) -> set[int]:
    """From where flow could still be sent to the sink."""
    found = {sink}
    queue = deque([sink])
    while queue:
        b = queue.popleft()
        for a in residual[b]:
            if a not in found and residual[a].get(b, 0) > 0:
                found.add(a)
                queue.append(a)
    return found
