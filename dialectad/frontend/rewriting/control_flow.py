"""Rewrites statements: each `if` and loop becomes a call of an operator, its blocks become functions.

    if x > 0:               def __da_then():
        y = f(x)                nonlocal y
    else:                       y = __da__.call(f)(x)
        y = 0          ->   def __da_else():
                                nonlocal y
                                y = 0
                            def __da_set(__da_state):
                                nonlocal y
                                (y,) = __da_state
                            __da__.if_(x > 0, __da_then, __da_else, ("y",), (True,), lambda: (y,), __da_set)

The user's locals stay where they were, in the function's own frame, as cells that the blocks share. A name
that may be unbound where an operator could look at it starts as `__da__.Undefined("name")`, and reads that
may find it so are checked (`__da__.load(name)`).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import Any

from dialectad.frontend.rewriting.assignments import assign_to, assignment, augmented, deletion
from dialectad.frontend.rewriting.desugar import Desugaring
from dialectad.frontend.rewriting.expressions import ExpressionRewriter
from dialectad.frontend.rewriting.jumps import load_flags, lower
from dialectad.frontend.rewriting.liveness import Flow, Liveness
from dialectad.frontend.rewriting.names import FunctionNode, effects, effects_of, scope_of
from dialectad.frontend.rewriting.nodes import (
    Refuser,
    assign,
    at,
    constant,
    expression,
    function,
    header,
    lets_through,
    load,
    operator,
    parameters,
    store,
    thunk,
    tuple_of,
)
from dialectad.frontend.rewriting.scope import Scope, meet


def rewrite_function(node: FunctionNode, parent: Scope | None, refuser: Refuser) -> None:
    """Rewrite the body of `node` in place; `parent` is the scope around it, if that is rewritten too."""
    info = scope_of(node)
    if info.global_stores:
        name = sorted(info.global_stores)[0]
        refuser.refuse(node, f"assigning the global variable {name!r} can't be compiled", "return it instead")
    positional = [*node.args.posonlyargs, *node.args.args]
    scope = Scope(info, parent, positional[0].arg if positional else None)
    if isinstance(node, ast.Lambda):
        node.body = ExpressionRewriter(scope, refuser)(node.body)
        return
    docstring = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    desugaring = Desugaring(refuser)
    body = desugaring.block(node.body[len(docstring) :]) or [at(ast.Pass(), node)]
    scope.locals |= desugaring.names
    if info.suspends:
        rewriter = _GeneratorRewriter(scope, {}, refuser)
    else:
        body, flags = lower(body, refuser)
        scope.locals |= flags
        flows = Liveness(body, scope.locals, info.nonlocals, info.indirect).flows
        rewriter = _StatementRewriter(scope, flows, refuser)
    body = rewriter.block(body)
    bound_here = rewriter.stores | set(info.parameters)
    scope.initialised |= rewriter.shared - bound_here
    declared: list[ast.stmt] = []
    if info.globals:
        declared.append(at(ast.Global(sorted(info.globals)), node))
    if info.nonlocals:
        declared.append(at(ast.Nonlocal(sorted(info.nonlocals)), node))
    for name in sorted(scope.initialised - set(info.parameters)):
        declared.append(assign(name, operator("Undefined", [constant(name, node)], node), node))
    node.body = [*docstring, *declared, *body]


class _StatementRewriter:
    """Rewrites the statements of one function; `stores` collects what the current frame binds."""

    def __init__(self, scope: Scope, flows: dict[int, Flow], refuser: Refuser):
        self.scope = scope
        self.flows = flows
        self.refuser = refuser
        self.rewrite = ExpressionRewriter(scope, refuser)
        self.stores: set[str] = set()
        self.shared: set[str] = set()
        """All that the functions made of blocks declare `nonlocal`."""

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in statements:
            rule = self.rules().get(type(s))
            if rule is not None:
                out += rule(self, s)
            else:
                out.append(self.rewrite(s))
                self.bind(s)
        return out

    def rules(self) -> _Rules:
        return _RULES

    def bind(self, *nodes: ast.AST) -> None:
        """Note what a statement binds, not counting what it holds of blocks."""
        found = effects(*nodes)
        self.stores |= found.stores
        self.scope.bind(found.stores - found.maybe)

    def simple(self, s: Any, rule: Callable[[Any, ExpressionRewriter], list[ast.stmt]]) -> list[ast.stmt]:
        found = effects(s)  # before the rule takes it apart
        out = rule(s, self.rewrite)
        self.stores |= found.stores
        self.scope.bind(found.stores - found.maybe)
        return out

    def assign(self, s: ast.Assign) -> list[ast.stmt]:
        return self.simple(s, assignment)

    def augment(self, s: ast.AugAssign) -> list[ast.stmt]:
        return self.simple(s, augmented)

    def delete(self, s: ast.Delete) -> list[ast.stmt]:
        return self.simple(s, deletion)

    def assert_(self, s: ast.Assert) -> list[ast.stmt]:
        if sys.flags.optimize:
            return []
        test = self.rewrite(s.test)
        message = self.rewrite.lazily(s.msg or constant(None, s))
        self.bind(s.test)
        return [expression(operator("assert_", [test, message], s), s)]

    def match(self, s: ast.Match) -> list[ast.stmt]:
        """What `desugar.py` left of it: the subject is a name, and the block sets a flag."""
        self.bind(s)
        return [s]

    def raise_(self, s: ast.Raise) -> list[ast.stmt]:
        self.rewrite(s)
        self.scope.bound = None
        return [s]

    # Functions made of blocks

    def closure(
        self, name: str, body: list[ast.stmt], origin: ast.AST, argument: str | None = None
    ) -> ast.stmt:
        """`def name(argument): body`, with the body's assignments going to the function's own frame."""
        args = parameters(argument, origin=origin) if argument else parameters()
        return function(name, args, body, origin)

    def framed(self, rewrite: Callable[[], list[ast.stmt]], origin: ast.AST) -> list[ast.stmt]:
        """The statements that `rewrite` gives, as the body of a function."""
        outside, self.stores = self.stores, set()
        body = rewrite() or [at(ast.Pass(), origin)]
        names = sorted(self.stores & (self.scope.locals | self.scope.info.nonlocals))
        self.shared |= set(names) & self.scope.locals
        self.stores = outside
        return [at(ast.Nonlocal(names), origin), *body] if names else body

    def state(self, s: ast.stmt, place: ast.AST) -> tuple[list[ast.stmt], list[ast.expr], list[ast.expr]]:
        """What hands the state on: `__da_set`, the arguments that say which, and the accessors."""
        flow = self.flows[id(s)]
        for name in flow.names:
            self.scope.must_check(name)
        names = tuple_of([constant(n, place) for n in flow.names], place)
        flags = [tuple_of([constant(b, place) for b in bits], place) for bits in (flow.live, flow.carried)]
        targets: list[ast.expr] = [store(n, place) for n in flow.names]
        values: list[ast.expr] = [load(n, place) for n in flow.names]
        write: list[ast.stmt] = [at(ast.Pass(), place)]
        if targets:
            shared = at(ast.Nonlocal(list(flow.names)), place)
            self.shared |= set(flow.names) & self.scope.locals
            target = at(ast.Tuple(targets, ast.Store()), place)
            write = [shared, at(ast.Assign([target], load("__da_state", place)), place)]
        set_ = self.closure("__da_set", write, place, "__da_state")
        get = thunk(tuple_of(values, place))
        return [set_], [names, *flags], [get, load("__da_set", place)]

    def if_(self, s: ast.If) -> list[ast.stmt]:
        place = header(s, s.test)
        self.bind_test(s.test)
        test = self.rewrite(s.test)
        definitions, (names, live, _), accessors = self.state(s, place)
        before = self.copied()
        then = self.framed(lambda: self.block(s.body), place)
        after_then, self.scope.bound = self.scope.bound, before
        other = self.framed(lambda: self.block(s.orelse), place)
        self.scope.bound = meet(after_then, self.scope.bound)
        blocks = [self.closure("__da_then", then, place), self.closure("__da_else", other, place)]
        arguments = [test, load("__da_then", place), load("__da_else", place), names, live, *accessors]
        return [*blocks, *definitions, expression(operator("if_", arguments, place), place)]

    def while_(self, s: ast.While) -> list[ast.stmt]:
        place = header(s, s.test)
        test = thunk(self.rewrite(s.test))
        definitions, state, accessors = self.state(s, place)
        before = self.copied()
        body = self.framed(lambda: self.block(s.body), place)
        self.scope.bound = before
        arguments = [test, load("__da_body", place), *state, *accessors]
        call = expression(operator("while_", arguments, place), place)
        return [self.closure("__da_body", body, place), *definitions, call]

    def for_(self, s: ast.For) -> list[ast.stmt]:
        place = header(s, s.iter)
        self.bind_test(s.iter)
        iterable = self.rewrite(s.iter)
        definitions, state, accessors = self.state(s, place)
        before = self.copied()
        test = [thunk(self.rewrite(t)) for t in load_flags(s)] or [constant(None, place)]

        def iteration() -> list[ast.stmt]:
            found = effects(s.target)
            first = assign_to(s.target, load("__da_item", s.target), s.target, self.rewrite)
            self.stores |= found.stores
            self.scope.bind(found.stores)
            return [*first, *self.block(s.body)]

        body = self.framed(iteration, place)
        self.scope.bound = before
        arguments = [iterable, load("__da_body", place), *state, *accessors, *test]
        call = expression(operator("for_", arguments, place), place)
        return [self.closure("__da_body", body, place, "__da_item"), *definitions, call]

    def bind_test(self, test: ast.expr) -> None:
        """A walrus in a test binds in the current frame (that it has happened, the rewriting notes)."""
        self.stores |= effects(test).stores

    def copied(self) -> set[str] | None:
        return None if self.scope.bound is None else set(self.scope.bound)

    # Blocks that stay Python's

    def with_(self, s: ast.With) -> list[ast.stmt]:
        through = lets_through(s)  # before the calls in it are rewritten
        for item in s.items:
            item.context_expr = self.rewrite(item.context_expr)
        body: list[ast.stmt] = []
        for item in s.items:
            self.bind(item.context_expr)
            if item.optional_vars is None:
                continue
            found = effects(item.optional_vars)
            if isinstance(item.optional_vars, ast.Name):
                self.stores |= found.stores
            else:  # unpacked first thing in the block
                name = self.scope.fresh("entered")
                target, item.optional_vars = item.optional_vars, store(name, item.optional_vars)
                body += assign_to(target, load(name, target), target, self.rewrite)
                self.stores |= found.stores
            self.scope.bind(found.stores)
        before = self.copied()
        s.body = [*body, *self.block(s.body)]
        if not through:
            self.scope.bound = before  # an exception may have left the block, and been swallowed
        return [s]

    def try_(self, s: ast.Try | ast.TryStar) -> list[ast.stmt]:
        before = self.copied()
        s.body = self.block(s.body)
        s.orelse = self.block(s.orelse)
        after = self.scope.bound
        for handler in s.handlers:
            self.scope.bound = None if before is None else set(before)
            if handler.type is not None:
                handler.type = self.rewrite(handler.type)
            handler.body = self.block(handler.body)
            after = meet(after, self.scope.bound)
        if s.finalbody:
            self.scope.bound = before
            s.finalbody = self.block(s.finalbody)
            if after is not None and self.scope.bound is not None:
                self.scope.bound = after | self.scope.bound
            else:
                self.scope.bound = None
        else:
            self.scope.bound = after
        return [s]

    # Definitions

    def function(self, s: ast.FunctionDef) -> list[ast.stmt]:
        s.decorator_list = [self.rewrite(d) for d in s.decorator_list]
        self.rewrite.defaults(s.args)
        if not s.decorator_list:  # then it can't be called before its name is bound
            self.scope.bind({s.name})
        rewrite_function(s, self.scope, self.refuser)
        self.stores.add(s.name)
        self.scope.bind({s.name})
        return [s]

    def coroutine(self, s: ast.AsyncFunctionDef) -> list[ast.stmt]:
        self.refuser.refuse(s, "coroutines can't be compiled", "use a function")

    def class_(self, s: ast.ClassDef) -> list[ast.stmt]:
        """The methods are rewritten; other statements of the body stay as they are."""
        s.decorator_list = [self.rewrite(d) for d in s.decorator_list]
        s.bases = [self.rewrite(b) for b in s.bases]
        s.keywords = [self.rewrite(k) for k in s.keywords]
        inside = effects_of(s.body)
        for name in sorted((inside.reads | inside.captures) - inside.stores - {s.name}):
            if self.scope.must_check(name):
                self.refuser.refuse(
                    s,
                    f"{name!r} may be unbound in the body of the class {s.name!r}",
                    "assign it on every way",
                )
        self.methods(s.body)
        self.stores.add(s.name)
        self.scope.bind({s.name})
        return [s]

    def methods(self, body: list[ast.stmt]) -> None:
        for s in body:
            match s:
                case ast.FunctionDef():
                    rewrite_function(s, self.scope, self.refuser)
                case ast.ClassDef():
                    self.methods(s.body)
                case ast.If():
                    self.methods(s.body)
                    self.methods(s.orelse)
                case _:
                    pass


class _GeneratorRewriter(_StatementRewriter):
    """Rewrites generator functions, whose control flow stays Python's: a `yield` can't stand in a block
    that became a function."""

    def rules(self) -> _Rules:
        return _GENERATOR_RULES

    def python_if(self, s: ast.If) -> list[ast.stmt]:
        s.test = self.rewrite(s.test)
        self.bind_test(s.test)
        before = self.copied()
        s.body = self.block(s.body)
        after, self.scope.bound = self.scope.bound, before
        s.orelse = self.block(s.orelse)
        self.scope.bound = meet(after, self.scope.bound)
        return [s]

    def python_while(self, s: ast.While) -> list[ast.stmt]:
        s.test = self.rewrite(s.test)
        before = self.copied()
        s.body = self.block(s.body)
        self.scope.bound = before
        s.orelse = self.block(s.orelse)
        self.scope.bound = before
        return [s]

    def python_for(self, s: ast.For) -> list[ast.stmt]:
        s.iter = self.rewrite(s.iter)
        before = self.copied()
        name = self.scope.fresh("item")
        found = effects(s.target)
        first = assign_to(s.target, load(name, s.target), s.target, self.rewrite)
        s.target = store(name, s.target)
        self.stores |= found.stores
        self.scope.bind(found.stores)
        s.body = [*first, *self.block(s.body)]
        self.scope.bound = before
        s.orelse = self.block(s.orelse)
        self.scope.bound = before
        return [s]


_Rules = dict[type[ast.stmt], Callable[[Any, Any], list[ast.stmt]]]

_RULES: _Rules = {
    ast.Assign: _StatementRewriter.assign,
    ast.AugAssign: _StatementRewriter.augment,
    ast.Delete: _StatementRewriter.delete,
    ast.Assert: _StatementRewriter.assert_,
    ast.Raise: _StatementRewriter.raise_,
    ast.If: _StatementRewriter.if_,
    ast.While: _StatementRewriter.while_,
    ast.For: _StatementRewriter.for_,
    ast.With: _StatementRewriter.with_,
    ast.Try: _StatementRewriter.try_,
    ast.TryStar: _StatementRewriter.try_,
    ast.FunctionDef: _StatementRewriter.function,
    ast.AsyncFunctionDef: _StatementRewriter.coroutine,
    ast.ClassDef: _StatementRewriter.class_,
    ast.Match: _StatementRewriter.match,
}

_GENERATOR_RULES: _Rules = _RULES | {
    ast.If: _GeneratorRewriter.python_if,
    ast.While: _GeneratorRewriter.python_while,
    ast.For: _GeneratorRewriter.python_for,
}
