"""From a rewritten tree back to a code object and a function that stands in for the user's.

The tree is compiled inside a factory whose parameters are the user's free variables and our own, which
makes them free variables again:

    def __da_factory(k, __da__, __da_py__):
        def __da_function(x): ...            # the code object of this function is all that we take
"""

from __future__ import annotations
import __future__

import ast
import operator
import re
from types import CellType, CodeType, FunctionType, SimpleNamespace

from dialectad.frontend.rewriting.nodes import OPERATORS, PREFIX, PYTHON, function, parameters

INPLACE: dict[type[ast.operator], str] = {
    ast.Add: "iadd",
    ast.Sub: "isub",
    ast.Mult: "imul",
    ast.MatMult: "imatmul",
    ast.Div: "itruediv",
    ast.FloorDiv: "ifloordiv",
    ast.Mod: "imod",
    ast.Pow: "ipow",
    ast.LShift: "ilshift",
    ast.RShift: "irshift",
    ast.BitOr: "ior",
    ast.BitXor: "ixor",
    ast.BitAnd: "iand",
}

_PYTHON = SimpleNamespace(slice=slice, **{name: getattr(operator, name) for name in INPLACE.values()})

_FUTURE = 0
for _feature in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _feature).compiler_flag

_FACTORY = "__da_factory"
_FUNCTION = "__da_function"
_INNER = re.compile(rf"{PREFIX}\w+\.<locals>\.")


def compile_function(node: ast.FunctionDef | ast.Lambda, original: CodeType) -> CodeType:
    """The code object of `node`, in the scope and under the name of `original`."""
    body: ast.stmt
    if isinstance(node, ast.FunctionDef):
        node.name = _FUNCTION  # under its own name it would hide the global that it may call
        body = node
    else:
        body = ast.copy_location(ast.Return(node), node)
    names = [*original.co_freevars, OPERATORS, PYTHON]
    factory = function(_FACTORY, parameters(*names, origin=node), [body], node)
    module = compile(
        ast.Module([factory], []),
        original.co_filename,
        "exec",
        flags=original.co_flags & _FUTURE,
        dont_inherit=True,
    )
    outer = next(c for c in module.co_consts if isinstance(c, CodeType))
    # A lambda could hold further ones only in its defaults, which are dropped, so there is but one.
    code = next(c for c in outer.co_consts if isinstance(c, CodeType))
    return _renamed(code, original.co_name, f"{_FACTORY}.<locals>.{code.co_name}", original.co_qualname)


def _renamed(code: CodeType, name: str, prefix: str, qualname: str) -> CodeType:
    """`code` and all within it, under the names that tracebacks should show.

    Functions made of the user's blocks take the name of the user's function around them.
    """

    def path(generated: str) -> str:
        return _INNER.sub("", qualname + generated.removeprefix(prefix))

    consts: list[object] = []
    for const in code.co_consts:
        if isinstance(const, CodeType):
            own = name if const.co_name.startswith(PREFIX) else const.co_name
            const = _renamed(const, own, prefix, qualname)
        elif const == code.co_qualname:  # the body of a class holds the qualified name of the class
            const = path(const)
        consts.append(const)
    return code.replace(co_consts=tuple(consts), co_name=name, co_qualname=path(code.co_qualname))


def code_objects(code: CodeType) -> list[CodeType]:
    """`code` and all code objects within it."""
    found = [code]
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found += code_objects(const)
    return found


def rebuild(fn: FunctionType, code: CodeType, operators: object) -> FunctionType:
    """A function that is `fn` but for its code: the same globals, defaults and closure cells."""
    cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
    cells[OPERATORS] = CellType(operators)
    cells.setdefault(PYTHON, CellType(_PYTHON))
    closure = tuple(cells[name] for name in code.co_freevars)
    new = FunctionType(code, fn.__globals__, fn.__name__, fn.__defaults__, closure)
    new.__kwdefaults__ = fn.__kwdefaults__
    new.__qualname__ = fn.__qualname__
    new.__module__ = fn.__module__
    new.__doc__ = fn.__doc__
    new.__dict__.update(fn.__dict__)
    for name in ("__annotate__", "__type_params__"):  # since Python 3.14 and 3.12
        if hasattr(fn, name):
            setattr(new, name, getattr(fn, name))
    if not hasattr(fn, "__annotate__"):
        new.__annotations__ = fn.__annotations__
    return new
