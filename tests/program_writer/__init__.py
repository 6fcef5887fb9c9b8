"""Writes the source of random programs.

Names: `s0, s1, ...` are float scalars, `v3` vectors, `m4` matrices, `k5` integers, `i6` loop indices. Values
stay bounded: whatever is assigned passes through `tanh`, `sin` or a mean.
"""
