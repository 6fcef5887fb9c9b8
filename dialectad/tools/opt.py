"""`dialectad-opt`: run passes on `.mlir` files.

    dialectad-opt -p "canonicalize,cse" f.mlir       some passes
    dialectad-opt --level linalg --stage loop f.mlir a level's pipeline, down to a rung
    dialectad-opt --level linalg --print-pipeline    the pipeline as text, to give to -p
    dialectad-opt --emit asm f.mlir                  down to machine code
    dialectad-opt f.mlir --run f --args 1.0 "[1, 2]" compile and call @f
    dialectad-opt -p lift-cf-to-scf f.ll             LLVM IR as input

Exit status: 0, 1 for an error in the input (or a mismatch under --verify-diagnostics), 2 for wrong usage,
70 for a bug in a pass.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO

from rich.console import Console
from rich.table import Table
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.exceptions import DiagnosticException

from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.levels import STAGES, Level
from dialectad.lift.llvm_reader import read
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from dialectad.tools import diagnostics, parsing, run

_INTERNAL_ERROR = 70


class _Failed(Exception):
    """Processing of a chunk stopped because of these errors."""

    def __init__(self, errors: Sequence[CompileError]):
        super().__init__(*errors)
        self.errors = list(errors)


def _argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dialectad-opt", description="Run dialectad's passes on MLIR text.", allow_abbrev=False
    )
    add = parser.add_argument
    add("file", nargs="?", default="-", help="the .mlir file, '-' (default) for standard input")
    add("-o", "--output", default="-", help="where to write the result; '-' (default): standard output")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("-p", "--pipeline", help='passes, such as "canonicalize,bufferize{a=1}"')
    choice.add_argument("--level", help="run the whole pipeline of this level of differentiation")
    add("--stage", choices=STAGES, default="llvm", help="with --level: where to stop")
    add("--emit", choices=["mlir", "llvm-ir", "asm"], default="mlir", help="what to print (default: mlir)")
    add("--run", metavar="FUNC", help="call this function and print its results")
    add("--args", nargs="*", help="with --run: Python literals or .npy files; without, random values")
    add("--read-llvm-ir", action="store_true", help="the input is LLVM IR, as in a file ending in .ll")
    add("--seed", type=int, default=0, help="with --run: seed of the random values")
    add("--print-pipeline", action="store_true", help="print the pipeline and exit")
    add("--list-passes", action="store_true", help="print the names of all passes and exit")
    add("--split-input-file", action="store_true", help="process the pieces between '// -----' one by one")
    add("--verify-diagnostics", action="store_true", help="check errors against 'expected-error' comments")
    add("--verify-each", action=argparse.BooleanOptionalAction, default=True, help="verify after each pass")
    add("--rung", choices=sorted(verifier.RUNGS), help="check that the result is legal on this rung")
    add("--print-ir-after-all", action="store_true", help="print the IR after each pass, to standard error")
    add("--timing", action="store_true", help="print the seconds that each pass took, to standard error")
    add("--print-debuginfo", action="store_true", help="print locations")
    add("--print-op-generic", action="store_true", help="print ops in the generic form")
    add("--allow-unregistered-dialect", action="store_true", help="accept ops of unknown dialects")
    return parser


@dataclass
class _Driver:
    """One invocation: the passes to run and what to tell about them."""

    options: argparse.Namespace
    passes: list[ModulePass]
    seconds: dict[str, float] = field(default_factory=dict)

    def chunk(self, chunk: parsing.Chunk) -> str:
        """Parse, run the passes, and print; raises `_Failed`."""
        ctx = context()
        ctx.allow_unregistered = self.options.allow_unregistered_dialect
        try:
            module = self._parse(ctx, chunk)
        except CompileError as error:
            raise _Failed([error]) from error
        self._verify(module, "verify")
        try:
            sig = None if self.options.run is None else run.signature(module, self.options.run)
        except CompileError as error:
            raise _Failed([error]) from error
        for index, pass_ in enumerate(self.passes):
            self._apply(ctx, module, index, pass_)
        if self.options.rung is not None:
            self._verify(module, "verify", self.options.rung)
        try:
            return self._output(module, sig)
        except CompileError as error:
            raise _Failed([error]) from error

    def _parse(self, ctx: Context, chunk: parsing.Chunk) -> ModuleOp:
        if self.options.read_llvm_ir or chunk.name.endswith(".ll"):
            return read(chunk.text, chunk.name, located=True)
        return parsing.parse(ctx, chunk)

    def _output(self, module: ModuleOp, sig: run.Signature | None) -> str:
        if sig is not None:
            args = run.arguments(sig, self.options.args, self.options.seed)
            return run.show(sig, run.call(module, sig, args))
        match self.options.emit:
            case "llvm-ir":
                return translate(module)
            case "asm":
                return engine.load(translate(module)).assembly()
            case _:
                return self._text(module)

    def _apply(self, ctx: Context, module: ModuleOp, index: int, pass_: ModulePass) -> None:
        start = time.perf_counter()
        try:
            pass_.apply(ctx, module)
        except CompileError as error:
            error.pass_name = error.pass_name or pass_.name
            raise _Failed([error]) from error
        except DiagnosticException as error:
            raise _Failed([CompileError(str(error), pass_name=pass_.name)]) from error
        key = f"{index + 1}. {pass_.name}"
        self.seconds[key] = self.seconds.get(key, 0.0) + time.perf_counter() - start
        if self.options.print_ir_after_all:
            print(f"// -----// IR Dump After {pass_.name} //----- //", file=sys.stderr)
            print(self._text(module), file=sys.stderr)
        if self.options.verify_each:
            self._verify(module, f"verify after {pass_.name}", verifier.REACHED_BY.get(pass_.name))

    def _verify(self, module: ModuleOp, when: str, rung: str | None = None) -> None:
        if errors := list(verifier.errors(module, rung)):
            for error in errors:
                error.pass_name = when
            raise _Failed(errors)

    def _text(self, module: ModuleOp) -> str:
        stream = StringIO()
        options = self.options
        Printer(
            stream, print_generic_format=options.print_op_generic, print_debuginfo=options.print_debuginfo
        ).print_op(module)
        return stream.getvalue() + "\n"

    def print_timing(self) -> None:
        total = sum(self.seconds.values())
        table = Table(title="seconds per pass")
        table.add_column("pass")
        table.add_column("seconds", justify="right")
        table.add_column("share", justify="right")
        for name, seconds in self.seconds.items():
            table.add_row(name, f"{seconds:.4f}", f"{seconds / total:.0%}" if total else "")
        table.add_row("total", f"{total:.4f}", "")
        Console(file=sys.stderr).print(table)


def _pipeline(options: argparse.Namespace) -> str:
    """What to run: the given passes, or a level's; machine code needs a level's where none are given."""
    to_machine = options.run is not None or options.emit != "mlir"
    if options.pipeline is not None or (options.level is None and not to_machine):
        return options.pipeline or ""
    return Level(options.level or "linalg").pipeline(options.stage)


def _read(file: str) -> tuple[str, str]:
    if file == "-":
        return "<stdin>", sys.stdin.read()
    with open(file, encoding="utf-8") as stream:
        return file, stream.read()


def _process(driver: _Driver, chunk: parsing.Chunk) -> tuple[str | None, list[CompileError]]:
    try:
        return driver.chunk(chunk), []
    except _Failed as failed:
        return None, failed.errors


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool in this process; `argv` without the program's name. Gives the exit status."""
    parser = _argument_parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 2
    if options.list_passes:
        print("\n".join(sorted(passes.registered())))
        return 0
    try:
        pipeline = _pipeline(options)
        if options.print_pipeline:
            print(pipeline)
            return 0
        driver = _Driver(options, passes.parse(pipeline))
        name, text = _read(options.file)
    except (CompileError, OSError, UnicodeDecodeError) as error:
        if isinstance(error, CompileError):
            error.location = None  # what is wrong is in the command line
        print(f"dialectad-opt: error: {error}", file=sys.stderr)
        return 1
    chunks = parsing.split(name, text) if options.split_input_file else [parsing.Chunk(name, text)]
    try:
        outputs, complaints = _process_all(driver, chunks)
    except Exception:
        print("dialectad-opt: internal error; this is a bug in dialectad:", file=sys.stderr)
        traceback.print_exc()
        return _INTERNAL_ERROR
    if options.timing:
        driver.print_timing()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not options.verify_diagnostics:
        _write(options.output, "// -----\n".join(outputs))
    return 1 if complaints else 0


def _process_all(driver: _Driver, chunks: Sequence[parsing.Chunk]) -> tuple[list[str], list[str]]:
    """The texts of the chunks that went through, and what there is to complain about the others."""
    outputs: list[str] = []
    complaints: list[str] = []
    for chunk in chunks:
        output, errors = _process(driver, chunk)
        if output is not None:
            outputs.append(output)
        if driver.options.verify_diagnostics:
            try:
                expected = diagnostics.expectations(chunk.text, chunk.name)
            except CompileError as error:
                errors, expected = [*errors, error], []
            complaints += diagnostics.mismatches(chunk.name, expected, errors)
        else:
            complaints += [diagnostics.render(error) for error in errors]
    return outputs, complaints


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    sys.exit(main())
