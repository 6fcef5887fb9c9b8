"""`dialectad compare file.py:loss`: the same code at every level.

The arguments come from the file, from a function that is called without arguments, or a variable; either
gives a tuple, with one item for each argument:

    def loss(W, x): ...

    def loss_args():
        return np.eye(3), np.ones(3)
"""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from typing import Any

from dialectad.comparison.compare import compare
from dialectad.comparison.result import Comparison
from dialectad.errors import CompileError
from dialectad.levels import Level
from dialectad.tools.loading import arguments, load, member


def add_parser(commands: Any) -> None:
    """Add the command to those of `dialectad`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="run the same code at every level of differentiation, and show what differs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("program", metavar="FILE.py:FUNCTION", help="the loss: a function that returns a float scalar")
    add(
        "--args",
        metavar="NAME",
        help="the function or variable of the file that gives the arguments"
        " (default: FUNCTION_args, else example_args)",
    )
    add(
        "--levels",
        metavar="NAMES",
        help="the levels, such as loop,linalg(optimize_first=False) (default: all)",
    )
    add(
        "--argnums",
        type=numbers,
        default=0,
        help="the arguments to differentiate by, such as 0,2 (default: 0)",
    )
    add("--plot", metavar="PATH", help="write a figure: .png, .svg or .pdf")
    add("--html", metavar="PATH", help="write a page with the table, the bars and the IR of every stage")
    add("--json", metavar="PATH", help="write the figures as JSON")
    add("--seconds", type=float, default=0.5, help="about how long to time each level for (default: 0.5)")
    add("--timeout", type=float, default=60.0, help="seconds until a level is given up (default: 60)")
    add("--seed", type=int, default=0, help="of the directions along which gradients are checked")
    parser.set_defaults(run=run)


def numbers(text: str) -> int | tuple[int, ...]:
    """`--argnums`: one number, or several with commas."""
    found = tuple(int(part) for part in text.split(","))
    return found[0] if len(found) == 1 else found


_COMMA = re.compile(r",(?![^(]*\))")
"""Outside of brackets."""


def levels(text: str) -> list[Level]:
    """`--levels`: names, each maybe with options: `loop,linalg(optimize_first=False)`."""
    found = []
    for part in _COMMA.split(text.replace(" ", "")):
        name, _, options = part.removesuffix(")").partition("(")
        given: dict[str, str] = {}
        for option in filter(None, options.split(",")):
            key, _, value = option.partition("=")
            given[key] = value
        known = {field.name for field in fields(Level) if isinstance(field.default, bool)}
        for option, value in given.items():
            if option not in known or value not in ("True", "False"):
                raise CompileError(
                    f"can't read the option {option}={value} of the level {name!r}",
                    hint=f"the options are {', '.join(sorted(known))}, each True or False",
                )
        chosen: dict[str, Any] = {option: value == "True" for option, value in given.items()}
        found.append(Level(name, **chosen))
    return found


def run(options: argparse.Namespace) -> int:
    """Compare, print the table, write what is asked for; 1 if a level is wrong or failed."""
    path, _, name = options.program.rpartition(":")
    module = load(path or name)
    function = member(module, name if path else "")
    comparison = compare(
        function,
        *arguments(module, name, options.args),
        levels=levels(options.levels) if options.levels is not None else None,
        argnums=options.argnums,
        seconds=options.seconds,
        timeout=options.timeout,
        seed=options.seed,
    )
    comparison.show()
    _write(comparison, options)
    return 0 if comparison.ok else 1


def _write(comparison: Comparison, options: argparse.Namespace) -> None:
    if options.plot is not None:
        comparison.plot(options.plot)
    if options.html is not None:
        comparison.html(options.html)
    if options.json is not None:
        comparison.json(options.json)
