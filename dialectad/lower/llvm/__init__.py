"""How each dialect of the loop rung lowers to the `llvm` dialect: one table of handlers per dialect.

A handler takes the `FunctionLowering` in progress and the op, and emits what replaces it. Values live in
`FunctionLowering.values`: an SSA value for a scalar, a `View` for a memref, a `Stack` for an `ad.cache`.
"""
