"""The level `tape`: functions run eagerly on NumPy arrays, and the record of the run is played back.

values.py, protocol.py      what stands for arrays and numbers meanwhile
tape.py, memory.py          the record; views and writes
elementwise.py, functions.py, indexing.py, compiled.py
                            what is recorded: ufuncs, NumPy functions, subscripts, compiled functions
plans.py, kernels.py        the code of one operation, written once for its kinds of operands,
printing/                   from the derivative rules of the IR
calls.py, operators.py      what is intercepted in the functions that run
transforms.py, engine.py    grad, vjp, jvp, Jacobians
"""

from dialectad.tape.engine import TapeEngine

__all__ = ["TapeEngine"]
