"""The minimum cut against all cuts of small graphs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from dialectad.ad.cut import minimum_cut

Edges = Mapping[int, Sequence[int]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Edges, list[int], list[int], dict[int, int]]:
    """Edges from lower to higher numbers, where paths begin and end, and what each node costs."""
    count = draw(st.integers(1, 7))
    nodes = range(count)
    edges = {i: [j for j in range(i + 1, count) if draw(st.booleans())] for i in nodes}
    some = st.lists(st.sampled_from(nodes), unique=True, max_size=3)
    costs = {i: draw(st.sampled_from((1, 4, 8))) for i in nodes}
    return edges, draw(some), draw(some), costs


def needing(edges: Edges, needed: Collection[int], kept: Collection[int]) -> set[int]:
    """The nodes that have to be computed if `kept` is kept: what is needed, and what that is computed of."""
    found = set(needed) - set(kept)
    for node in sorted(edges, reverse=True):
        if node not in kept and any(after in found for after in edges[node]):
            found.add(node)
    return found


def is_cut(edges: Edges, lost: Collection[int], needed: Collection[int], kept: Collection[int]) -> bool:
    return not needing(edges, needed, kept) & set(lost)


@given(graphs())
@settings(max_examples=300, deadline=None)
def test_against_all_cuts(graph: tuple[Edges, list[int], list[int], dict[int, int]]) -> None:
    edges, lost, needed, costs = graph
    found = minimum_cut(edges, lost, needed, costs)
    assert found == [node for node in costs if node in found], "in the order of the costs"
    assert is_cut(edges, lost, needed, found)
    every = [kept for n in range(len(costs) + 1) for kept in combinations(costs, n)]
    cuts = [kept for kept in every if is_cut(edges, lost, needed, kept)]
    least = min(sum(costs[node] for node in kept) for kept in cuts)
    assert sum(costs[node] for node in found) == least
    # The closest to what is needed: nothing is computed again that another of the least cuts has at hand.
    again = needing(edges, needed, found)
    for kept in cuts:
        if sum(costs[node] for node in kept) == least:
            assert again <= needing(edges, needed, kept)


def test_nothing_is_lost() -> None:
    assert minimum_cut({"x": ["y"]}, [], ["y"], {"x": 8, "y": 8}) == []


def test_nothing_is_needed() -> None:
    assert minimum_cut({"x": ["y"]}, ["x"], [], {"x": 8, "y": 8}) == []


def test_a_lost_value_that_is_needed_itself() -> None:
    assert minimum_cut({}, ["x"], ["x"], {"x": 8}) == ["x"]


def test_the_smaller_value_is_kept() -> None:
    chain = {"double": ["single"], "single": ["again"]}
    assert minimum_cut(chain, ["double"], ["again"], {"double": 8, "single": 4, "again": 8}) == ["single"]


def test_one_value_for_two_that_are_made_of_it() -> None:
    edges = {"x": ["sin", "cos"]}
    assert minimum_cut(edges, ["x"], ["sin", "cos"], {"x": 8, "sin": 8, "cos": 8}) == ["x"]


def test_one_value_for_two_that_it_is_made_of() -> None:
    edges = {"x": ["product"], "y": ["product"]}
    assert minimum_cut(edges, ["x", "y"], ["product"], {"x": 8, "y": 8, "product": 8}) == ["product"]


def test_many_nodes_take_no_long_time() -> None:
    count = 1500
    edges = {i: [i + 1, i + 2] for i in range(count)}
    costs = dict.fromkeys(range(count + 2), 8)
    assert len(minimum_cut(edges, [0], [count], costs)) == 1
