"""A lit test format that runs `dialectad-opt ... | filecheck %s` inside lit's worker process.

Starting Python and importing the dialects costs more than a small test does, so RUN lines that are
pipelines of the known tools run here; a test with any other RUN line goes to lit's own shell.
Understood besides pipes: `not`, and `2>&1`.
"""

from __future__ import annotations

import io
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import lit.Test
from filecheck.main import main as filecheck_main
from lit.formats import ShTest
from lit.TestRunner import (
    applySubstitutions,
    getDefaultSubstitutions,
    getTempPaths,
    parseIntegratedTestScript,
)

from dialectad.tools.opt import main as opt_main

_CRASH = 70

TOOLS: dict[str, Callable[[list[str]], int | None]] = {
    "dialectad-opt": opt_main,
    "cat": lambda argv: print(*(Path(file).read_text(encoding="utf-8") for file in argv), sep="", end=""),
    "filecheck": lambda argv: filecheck_main(["filecheck", *argv]),
}


def _stages(line: str) -> list[list[str]] | None:
    """The commands of a pipeline, or None when the line asks for more than this format can do."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    stages: list[list[str]] = [[]]
    tokens = list(lexer)
    while tokens:
        token = tokens.pop(0)
        if token == "|":
            stages.append([])
        elif token == "2" and tokens[:2] == [">&", "1"]:
            stages[-1].append("2>&1")
            del tokens[:2]
        elif (token and set(token) <= set("|&;<>")) or "$(" in token:
            return None
        else:
            stages[-1].append(token)
    return stages if all(_is_known(words) for words in stages) else None


def _is_known(words: Sequence[str]) -> bool:
    command = words[1:] if words[:1] == ["not"] else words
    return bool(command) and command[0] in TOOLS


def _call(words: Sequence[str], stdin: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of one command."""
    negate, merge = words[0] == "not", "2>&1" in words
    name, *argv = [word for word in words[negate:] if word != "2>&1"]
    out = io.StringIO()
    err = out if merge else io.StringIO()
    old_stdin, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = TOOLS[name](argv) or 0
            except SystemExit as exit_:
                code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
            except Exception:
                traceback.print_exc()
                code = _CRASH
    finally:
        sys.stdin = old_stdin
    if negate and code != _CRASH:
        code = int(code == 0)
    return code, out.getvalue(), "" if merge else err.getvalue()


def _run(stages: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Whether every command of the pipeline succeeds, and what there is to show if not."""
    stdin, report, passed = "", "", True
    for words in stages:
        code, out, err = _call(words, stdin)
        if code != 0:
            passed = False
            report += f"$ {shlex.join(words)}\nexit status {code}\n{err}\n"
        stdin = out
    return passed, report + f"output of the last command:\n{stdin}"


class InProcessFormat(ShTest):
    """`ShTest`, with pipelines of `TOOLS` run in this process."""

    def execute(self, test, litConfig):
        parsed = parseIntegratedTestScript(test, require_script=True)
        if isinstance(parsed, lit.Test.Result):
            return parsed
        directory, base = getTempPaths(test)
        substitutions = [(r"%dbg\([^)]*\)", ""), *getDefaultSubstitutions(test, directory, base)]
        lines = applySubstitutions(
            parsed, substitutions, {}, recursion_limit=test.config.recursiveExpansionLimit
        )
        pipelines = [_stages(line) for line in lines]
        if any(stages is None for stages in pipelines):
            return super().execute(test, litConfig)
        for stages in pipelines:
            passed, report = _run(stages)
            if not passed:
                return lit.Test.Result(lit.Test.FAIL, report)
        return lit.Test.Result(lit.Test.PASS, "")
