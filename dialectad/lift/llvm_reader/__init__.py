"""LLVM IR text to the `llvm` dialect: the counterpart of `dialectad.lower.llvm_ir`.

    define double @f(double %x) {            llvm.func @f(%x : f64) -> f64 {
    entry:                                     %c = llvm.mlir.constant(2.0 : f64) : f64
      %y = fmul double %x, 2.0           ->    %y = llvm.fmul %x, %c : f64
      ret double %y                            llvm.return %y : f64
    }                                        }

`lexer` gives tokens, `types`, `constants`, `attributes` and `metadata` read those parts, `instructions/` is a
table by opcode, `function` puts a body together, and `reader` a module.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from dialectad.lift.llvm_reader.reader import Reader


def read(text: str, name: str = "<llvm-ir>", *, located: bool = False) -> ModuleOp:
    """The module of the `llvm` dialect that LLVM IR text means.

    Parameters
    ----------
    text : str
        A whole module, as LLVM prints it.
    name : str
        What errors call it: the path of a file, if there is one.
    located : bool
        Give each op its place in the text, where the text has no debug info for it.

    Raises
    ------
    CompileError
        At the line and column of what isn't understood or has no place in the dialect.

    Examples
    --------
    >>> from dialectad.lift.llvm_reader import read
    >>> print(read("define double @f(double %x) { ret double %x }"))
    builtin.module {
      llvm.func @f(%x: f64) -> f64 {
        llvm.return %x : f64
      }
    }
    """
    return Reader(text, name, located=located).module()
