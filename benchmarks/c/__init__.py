"""Adjoints written by hand in C: what a gradient could cost. `build` compiles and binds them."""
