"""`numpy.random.Generator` in compiled code: the numbers that NumPy would draw, from the same state.

    generator.py       what user code sees of a generator, and how it comes in and goes out
    bits.py            PCG64, the bit generator
    seeds.py           the state that a seed stands for
    integers.py        integers below a bound
    ziggurat.py        normal and exponential numbers, by the ziggurat method
    distributions.py   what is made of these

A draw has no derivative: what is computed from it, such as `loc + scale * z`, has one as usual.
"""

from __future__ import annotations

from dialectad.frontend.random import generator, seeds

__all__ = ["generator", "seeds"]
"""Importing them enters them into the tables."""
