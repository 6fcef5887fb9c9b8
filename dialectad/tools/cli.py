"""`dialectad`: the tool for programs in Python; `dialectad-opt` is the one for IR.

    dialectad compare model.py:loss --html loss.html

Exit status: 0, 1 where something is wrong with the program or a level, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dialectad.errors import CompileError
from dialectad.tools import compare


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool in this process; `argv` without the program's name. Gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="dialectad", description="Compile and differentiate NumPy programs.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    compare.add_parser(commands)
    try:
        options = parser.parse_args(argv)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 2
    try:
        return options.run(options)
    except (CompileError, OSError) as error:
        print(f"dialectad: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
