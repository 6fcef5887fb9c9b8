"""From the linalg rung to Python source that calls NumPy.

printer.py      a block of ops, what is asked for on demand
spelling.py     how elementwise ops are spelled, on arrays and on Python floats
tensors.py      slices, reshapes, products
structured.py   `linalg.reduce` and `linalg.generic`, as whole-array expressions
"""

from dialectad.tape.printing import structured, tensors
from dialectad.tape.printing.printer import Printer
from dialectad.tape.printing.spelling import ARRAYS, NUMBERS, Spelling
from dialectad.tape.printing.text import Unprintable

__all__ = ["ARRAYS", "NUMBERS", "Printer", "Spelling", "Unprintable", "structured", "tensors"]
