"""Random programs of which parts have a level of their own.

Statements that follow one another, anywhere in a program, are put into `with da.at_level(...)`, also within
such parts. NumPy runs the program as before.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence

from dialectad.frontend.rewriting.jumps import jumps_in
from tests.random_programs import Program


def annotated(program: Program, seed: int, levels: Sequence[str] = ("loop",)) -> Program:
    """The program with random parts at these levels, which go down the ladder."""
    tree = ast.parse(program.source)
    rng = random.Random(seed)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            # What helpers do may be within any part.
            _annotate(node.body, rng, levels if node.name == "program" else levels[-1:])
    imported = next(i for i, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef))
    tree.body.insert(imported, ast.parse("import dialectad as da").body[0])
    return Program(ast.unparse(ast.fix_missing_locations(tree)) + "\n", program.args, program.seed)


def _annotate(body: list[ast.stmt], rng: random.Random, levels: Sequence[str]) -> None:
    first = rng.randrange(len(body))
    last = rng.randrange(first, len(body))
    chosen = rng.choice(levels) if rng.random() < 0.6 else None
    if last + 1 < len(body) and jumps_in(body[first : last + 1]):
        chosen = None  # what it assigns unless it jumps would seem to be unbound behind it
    for i, statement in enumerate(body):
        inside = chosen is not None and first <= i <= last
        within = levels[levels.index(chosen) :] if inside else levels
        for field in ("body", "orelse"):
            if inner := getattr(statement, field, None):
                _annotate(inner, rng, within)
    if chosen is not None:
        call = ast.parse(f"da.at_level({chosen!r})", mode="eval").body
        body[first : last + 1] = [ast.With([ast.withitem(call)], body[first : last + 1])]
