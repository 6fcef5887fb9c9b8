"""Rewrites expressions: whatever tracing must see becomes a call of an operator.

    f(x, *y, k=z)      ->  __da__.call(f)(x, *y, k=z)
    x[i, 1:]           ->  __da__.load_item(x, (i, __da_py__.slice(1, None, None)))
    a and b            ->  __da__.and_(a, lambda: b)
    not a              ->  __da__.not_(a)
    a if t else b      ->  __da__.cond(t, lambda: a, lambda: b)
    a < f() < c        ->  (lambda l, m: __da__.and_(l < m, lambda: m < c))(a, __da__.call(f)())
    (a for b in c)     ->  __da__.steps(a for b in c)
    sum(a for b in c if t)  ->  see `filtered`
    f"a {x!r:>9}"      ->  __da__.text("a ", (x, "r", ">9"))
    x                  ->  __da__.load(x)      where x may be unbound
    x                  ->  __da__.outer(x)     where x isn't a variable of the function
    x.y                ->  __da__.outer(x.y)
    super()            ->  super(__class__, self)

Everything keeps its order of evaluation and its place in the source.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from dialectad.frontend.rewriting.names import effects, effects_of, parameter_names
from dialectad.frontend.rewriting.nodes import (
    Refuser,
    at,
    constant,
    load,
    operator,
    parameters,
    python,
    store,
    thunk,
    tuple_of,
)
from dialectad.frontend.rewriting.scope import Scope

FRAME_READERS = frozenset("locals eval exec".split())
"""Builtins that see the local variables, which rewriting changes."""

FRAME_READERS_WITHOUT_ARGUMENTS = frozenset(("vars", "dir"))

FOLDS = frozenset(("sum", "any", "all"))
"""Builtins to which items can be given that change nothing."""

PLAIN_CALLEES = frozenset("super globals vars dir".split())
"""Builtins that look at the calling frame: called as they are."""


class ExpressionRewriter:
    """Rewrites the expressions of one function, in place where it can."""

    def __init__(self, scope: Scope, refuser: Refuser):
        self.scope = scope
        self.refuser = refuser
        self.hidden: frozenset[str] = frozenset()
        """Names that here belong to a comprehension or a lambda."""
        self.lazy = False
        """Inside of a part that became a lambda."""

    def __call__(self, node: Any) -> Any:
        """`node`, rewritten."""
        rule = _RULES.get(type(node))
        return self.children(node) if rule is None else rule(self, node)

    def children(self, node: Any) -> Any:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                setattr(node, name, [self(v) if isinstance(v, ast.AST) else v for v in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self(value))
        return node

    def lazily(self, node: ast.expr) -> ast.Lambda:
        """`lambda: node`."""
        before, self.lazy = self.lazy, True
        new = self(node)
        self.lazy = before
        return thunk(new)

    def leaf(self, node: ast.AST) -> ast.AST:
        return node

    def name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load) or node.id in self.hidden:
            return node
        if self.scope.must_check(node.id):
            return operator("load", [node], node)
        return node if self.is_local(node.id) else operator("outer", [node], node)

    def attribute(self, node: ast.Attribute) -> ast.expr:
        node.value = self(node.value)
        return operator("outer", [node], node) if isinstance(node.ctx, ast.Load) else node

    def callee(self, node: ast.expr) -> ast.expr:
        """The function of a call, which is no array."""
        if isinstance(node, ast.Attribute):
            node.value = self(node.value)
            return node
        if isinstance(node, ast.Name) and not self.scope.must_check(node.id):
            return node
        return self(node)

    def walrus(self, node: ast.NamedExpr) -> ast.expr:
        if self.lazy:
            self.refuser.refuse(
                node,
                "`:=` in a part that is evaluated only sometimes can't be compiled",
                "assign in a statement of its own",
            )
        node.value = self(node.value)
        if not self.hidden:  # in a comprehension it may never happen
            self.scope.bind({node.target.id})
        return node

    def call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and not self.is_local(node.func.id):
            callee = node.func.id
            bare = not node.args and not node.keywords
            if callee in FRAME_READERS or (callee in FRAME_READERS_WITHOUT_ARGUMENTS and bare):
                self.refuser.refuse(
                    node, f"`{callee}` can't be compiled", "write the code itself, outside of text"
                )
            if callee == "super" and bare:
                if self.scope.first is not None:
                    node.args = [load("__class__", node), load(self.scope.first, node)]
                return node
            if callee in PLAIN_CALLEES:
                node.args = [self(a) for a in node.args]
                node.keywords = [self(k) for k in node.keywords]
                return node
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp) and not node.keywords:
            self.filtered(node.func, node.args[0])
        function = self.callee(node.func)
        node.args = [self(a) for a in node.args]
        node.keywords = [self(k) for k in node.keywords]
        node.func = operator("call", [function], node.func)
        return node

    def filtered(self, function: ast.expr, items: ast.GeneratorExp) -> None:
        """Where only at run time it is known which items a generator leaves out, neutral ones replace these:

        sum(v for x in xs if t)  ->  sum(__da__.kept(w, lambda: v, sum)
                                         for x in xs for w in __da__.ways(t, sum))
        """
        if not isinstance(function, ast.Name) or function.id not in FOLDS or self.is_local(function.id):
            return
        last = items.generators[-1]
        if len(last.ifs) != 1 or any(g.ifs for g in items.generators[:-1]):
            return
        if any(isinstance(n, ast.NamedExpr) for n in ast.walk(items)):  # not allowed where the test would go
            return
        (test,) = last.ifs
        last.ifs = []
        way = self.scope.fresh("way")
        ways = operator("ways", [test, load(function.id, function)], test)
        items.generators.append(ast.comprehension(store(way, test), ways, [], 0))
        items.elt = operator(
            "kept", [load(way, test), thunk(items.elt), load(function.id, function)], items.elt
        )

    def is_local(self, name: str) -> bool:
        return name in self.hidden or self.scope.owner(name) is not None or name in self.scope.info.nonlocals

    def subscript(self, node: ast.Subscript) -> ast.expr:
        value = self(node.value)
        key = self.key(node.slice)
        if isinstance(node.ctx, ast.Load):
            return operator("load_item", [value, key], node)
        node.value, node.slice = value, key
        return node

    def key(self, node: ast.expr) -> ast.expr:
        """A subscript's index, rewritten, as an ordinary expression."""
        if isinstance(node, ast.Slice):
            bounds: list[ast.expr] = []
            for bound in (node.lower, node.upper, node.step):
                bounds.append(constant(None, node) if bound is None else self(bound))
            return at(ast.Call(python("slice", node), bounds, []), node)
        if isinstance(node, ast.Tuple):
            return tuple_of([self.key(e) for e in node.elts], node)
        return self(node)

    def boolean(self, node: ast.BoolOp) -> ast.expr:
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        first, *rest = node.values
        return self.chain(name, self(first), rest, node)

    def chain(self, name: str, first: ast.expr, rest: list[ast.expr], origin: ast.expr) -> ast.expr:
        before, self.lazy = self.lazy, True
        parts = [self(r) for r in rest]
        self.lazy = before
        tail = parts.pop()
        while parts:
            head = parts.pop()
            place = at(ast.Pass(), head)
            place.end_lineno, place.end_col_offset = origin.end_lineno, origin.end_col_offset  # type: ignore
            tail = operator(name, [head, thunk(tail)], place)
        return operator(name, [first, thunk(tail)], origin)

    def unary(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self(node.operand)
        return operator("not_", [node.operand], node) if isinstance(node.op, ast.Not) else node

    def conditional(self, node: ast.IfExp) -> ast.expr:
        test = self(node.test)
        return operator("cond", [test, self.lazily(node.body), self.lazily(node.orelse)], node)

    def compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1:
            return self.children(node)
        return self.comparisons(self(node.left), node.ops, node.comparators, node)

    def comparisons(
        self, left: ast.expr, ops: list[ast.cmpop], rest: list[ast.expr], origin: ast.expr
    ) -> ast.expr:
        """`left op rest[0] op ...` where `left` is rewritten already."""
        middle = self(rest[0])
        if len(ops) == 1:
            return at(ast.Compare(left, ops, [middle]), origin)
        simple = isinstance(middle, ast.Name | ast.Constant)
        first, second = self.scope.fresh("left"), self.scope.fresh("middle")
        again = middle if simple else load(second, middle)
        lower = left if simple else load(first, left)
        test = at(ast.Compare(lower, ops[:1], [again]), origin)
        before, self.lazy = self.lazy, True
        tail = thunk(self.comparisons(again, ops[1:], rest[1:], origin))
        self.lazy = before
        both = operator("and_", [test, tail], origin)
        if simple:
            return both
        function = at(ast.Lambda(parameters(first, second, origin=origin), both), origin)
        return at(ast.Call(function, [left, middle], []), origin)

    def comprehension(self, node: Any) -> ast.expr:
        first, *others = node.generators
        first.iter = self(first.iter)
        outside = self.hidden
        bound = effects_of(g.target for g in node.generators).stores
        # No walrus counts as having happened: the element may never be evaluated.
        self.hidden = outside | bound | {""}
        for generator in node.generators:
            generator.target = self(generator.target)
            generator.ifs = [self(test) for test in generator.ifs]
        for generator in others:
            generator.iter = self(generator.iter)
        for name in ("key", "value") if isinstance(node, ast.DictComp) else ("elt",):
            setattr(node, name, self(getattr(node, name)))
        self.hidden = outside
        return node

    def generator(self, node: ast.GeneratorExp) -> ast.expr:
        return operator("steps", [self.comprehension(node)], node)

    def text(self, node: ast.JoinedStr) -> ast.expr:
        parts: list[ast.expr] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                conversion = constant("" if part.conversion == -1 else chr(part.conversion), part)
                spec = constant("", part) if part.format_spec is None else self(part.format_spec)
                part = tuple_of([self(part.value), conversion, spec], part)
            parts.append(part)
        return operator("text", parts, node)

    def lambda_(self, node: ast.Lambda) -> ast.expr:
        self.defaults(node.args)
        outside, lazy, first = self.hidden, self.lazy, self.scope.first
        positional = [*node.args.posonlyargs, *node.args.args]
        self.scope.first = positional[0].arg if positional else None
        self.hidden = outside | set(parameter_names(node.args)) | effects(node.body).stores | {""}
        self.lazy = False
        node.body = self(node.body)
        self.hidden, self.lazy, self.scope.first = outside, lazy, first
        return node

    def defaults(self, args: ast.arguments) -> None:
        args.defaults = [self(d) for d in args.defaults]
        args.kw_defaults = [None if d is None else self(d) for d in args.kw_defaults]

    def yielding(self, node: ast.Yield | ast.YieldFrom) -> ast.AST:
        if self.lazy or self.hidden:
            self.refuser.refuse(
                node,
                "a `yield` in a part that is evaluated only sometimes can't be compiled",
                "write it as a statement of its own",
            )
        return self.children(node)


_RULES: dict[type[ast.AST], Callable[[ExpressionRewriter, Any], ast.AST]] = {
    ast.Constant: ExpressionRewriter.leaf,
    ast.Load: ExpressionRewriter.leaf,
    ast.Store: ExpressionRewriter.leaf,
    ast.Name: ExpressionRewriter.name,
    ast.Attribute: ExpressionRewriter.attribute,
    ast.NamedExpr: ExpressionRewriter.walrus,
    ast.Call: ExpressionRewriter.call,
    ast.Subscript: ExpressionRewriter.subscript,
    ast.BoolOp: ExpressionRewriter.boolean,
    ast.UnaryOp: ExpressionRewriter.unary,
    ast.IfExp: ExpressionRewriter.conditional,
    ast.Compare: ExpressionRewriter.compare,
    ast.ListComp: ExpressionRewriter.comprehension,
    ast.SetComp: ExpressionRewriter.comprehension,
    ast.DictComp: ExpressionRewriter.comprehension,
    ast.GeneratorExp: ExpressionRewriter.generator,
    ast.JoinedStr: ExpressionRewriter.text,
    ast.Lambda: ExpressionRewriter.lambda_,
    ast.Yield: ExpressionRewriter.yielding,
    ast.YieldFrom: ExpressionRewriter.yielding,
}
