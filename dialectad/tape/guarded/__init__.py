"""Compiled traces: a run is recorded while it is traced, with guards on what its control flow depended on.

pairs.py        values of this run, with the traced ones that stand for them
operators.py    what rewritten code calls: Python's control flow, decided by the values of this run
record.py       a function as the frontend traces it: along the way of one run
function.py     the compiled traces of a function, tried in turn
"""
