"""Rewrites assignments whose targets are subscripts or attributes, in Python's order of evaluation.

    x[k] = v                ->  __da_value_1 = v; __da__.store_item(x, k, __da_value_1)
    i, x[i], j = v          ->  i, __da_value_1, __da_value_2 = v; __da__.store_item(x, i, ...); j = ...
    x[k] += v               ->  __da__.aug_item(x, k, __da_py__.iadd, v)
    x[k] += f()             ->  load_item, then f(), then store_item, as Python does
    x.y = v                 ->  __da_object_1 = x; __da__.changes(__da_object_1, "y", v); __da_object_1.y = v
    x.y += v                ->  load x.y, evaluate v, and then as above
    del x[k]                ->  __da_object_1 = x; __da__.removes(__da_object_1); del __da_object_1[k]
    del x                   ->  __da__.load(x); x = __da__.Undefined("x")

In `x[k] += v` Python loads `x[k]` before it evaluates `v`. The short form does so after, which only tells
when both fail (then the other of the two errors is raised); with a call in `v` it could tell more.
"""

from __future__ import annotations

import ast

from dialectad.frontend.rewriting.expressions import ExpressionRewriter
from dialectad.frontend.rewriting.names import effects
from dialectad.frontend.rewriting.nodes import assign, at, constant, expression, load, operator, python, store
from dialectad.frontend.rewriting.rebuild import INPLACE


def assignment(s: ast.Assign, rewrite: ExpressionRewriter) -> list[ast.stmt]:
    value = rewrite(s.value)
    if not any(_has_item(t) for t in s.targets):
        s.value, s.targets = value, [rewrite(t) for t in s.targets]
        return [s]
    out: list[ast.stmt] = []
    if not isinstance(value, ast.Name | ast.Constant) and not (
        len(s.targets) == 1 and isinstance(s.targets[0], ast.Tuple | ast.List)
    ):
        name = rewrite.scope.fresh("value")
        out.append(assign(name, value, s))
        value = load(name, s)
    for target in s.targets:
        out += assign_to(target, value, s, rewrite)
    return out


def assign_to(
    target: ast.expr, value: ast.expr, origin: ast.AST, rewrite: ExpressionRewriter
) -> list[ast.stmt]:
    """Assign `value`, rewritten already and free of effects unless `target` is a tuple."""
    if isinstance(target, ast.Subscript):
        item = [rewrite(target.value), rewrite.key(target.slice), value]
        return [expression(operator("store_item", item, target), origin)]
    if isinstance(target, ast.Attribute):
        return _store_attribute(rewrite(target.value), target, value, origin, rewrite)
    if not _has_item(target):
        return [at(ast.Assign([rewrite(target)], value), origin)]
    assert isinstance(target, ast.Tuple | ast.List)
    later: list[ast.stmt] = []
    first = next(i for i, e in enumerate(target.elts) if _has_item(e))
    head: list[ast.expr] = [rewrite(e) for e in target.elts[:first]]
    for element in target.elts[first:]:
        name = rewrite.scope.fresh("value")
        inner = element.value if isinstance(element, ast.Starred) else element
        place = store(name, inner)
        head.append(
            at(ast.Starred(place, ast.Store()), element) if isinstance(element, ast.Starred) else place
        )
        later += assign_to(inner, load(name, inner), origin, rewrite)
    target.elts = head
    return [at(ast.Assign([target], value), origin), *later]


def augmented(s: ast.AugAssign, rewrite: ExpressionRewriter) -> list[ast.stmt]:
    target = s.target
    if isinstance(target, ast.Name):
        check = [expression(operator("load", [load(target.id, target)], target), s)]
        out: list[ast.stmt] = check if rewrite.scope.must_check(target.id) else []  # type: ignore[assignment]
        s.value = rewrite(s.value)
        return [*out, s]
    if isinstance(target, ast.Attribute):
        return _augmented_attribute(s, target, rewrite)
    obj, key = rewrite(target.value), rewrite.key(target.slice)
    if not effects(s.value).calls and not any(isinstance(n, ast.NamedExpr) for n in ast.walk(s.value)):
        op = python(INPLACE[type(s.op)], s)
        return [expression(operator("aug_item", [obj, key, op, rewrite(s.value)], s), s)]
    names = [rewrite.scope.fresh(n) for n in ("object", "key", "item")]
    on, kn, item = names
    fetched = operator("load_item", [load(on, target), load(kn, target)], target)
    stored = operator("store_item", [load(on, target), load(kn, target), load(item, target)], target)
    return [
        assign(on, obj, s),
        assign(kn, key, s),
        assign(item, fetched, s),
        at(ast.AugAssign(store(item, s), s.op, rewrite(s.value)), s),
        expression(stored, s),
    ]


def _store_attribute(
    holder: ast.expr, target: ast.Attribute, value: ast.expr, origin: ast.AST, rewrite: ExpressionRewriter
) -> list[ast.stmt]:
    """The store itself stays a statement, so that Python mangles private names."""
    name = rewrite.scope.fresh("object")
    announced = [load(name, target), constant(target.attr, target), value]
    stored = at(ast.Attribute(load(name, target), target.attr, ast.Store()), target)
    return [
        assign(name, holder, origin),
        expression(operator("changes", announced, target), origin),
        at(ast.Assign([stored], value), origin),
    ]


def _augmented_attribute(
    s: ast.AugAssign, target: ast.Attribute, rewrite: ExpressionRewriter
) -> list[ast.stmt]:
    on, item = rewrite.scope.fresh("object"), rewrite.scope.fresh("item")
    fetched = rewrite(at(ast.Attribute(load(on, target), target.attr, ast.Load()), target))
    return [
        assign(on, rewrite(target.value), s),
        assign(item, fetched, s),
        at(ast.AugAssign(store(item, s), s.op, rewrite(s.value)), s),
        *_store_attribute(load(on, target), target, load(item, target), s, rewrite),
    ]


def deletion(s: ast.Delete, rewrite: ExpressionRewriter) -> list[ast.stmt]:
    (target,) = s.targets
    if isinstance(target, ast.Subscript | ast.Attribute):
        name = rewrite.scope.fresh("object")
        holder, target.value = rewrite(target.value), load(name, target.value)
        s.targets = [rewrite(target)]
        removing = expression(operator("removes", [load(name, target)], target), s)
        return [assign(name, holder, s), removing, s]
    if not isinstance(target, ast.Name):
        s.targets = [rewrite(target)]
        return [s]
    name = target.id
    if rewrite.scope.owner(name) is not rewrite.scope:
        rewrite.refuser.refuse(s, f"`del` of the outer variable {name!r} can't be compiled", "let it be")
    rewrite.scope.initialised.add(name)
    return [
        expression(operator("load", [load(name, s)], s), s),
        assign(name, operator("Undefined", [constant(name, s)], s), s),
    ]


def _has_item(target: ast.expr) -> bool:
    """Whether a target stores into a subscript or an attribute."""
    match target:
        case ast.Subscript() | ast.Attribute():
            return True
        case ast.Tuple() | ast.List():
            return any(_has_item(e) for e in target.elts)
        case ast.Starred():
            return _has_item(target.value)
        case _:
            return False
