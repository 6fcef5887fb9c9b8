"""Bufferization of the linalg rung: where every tensor lives, and which writes may happen in place.

Note [The invariant of bufferization]
-------------------------------------
The pass walks the program once, in order, and gives every tensor value a *place*: a buffer, or a part of
one (see `places`). It keeps one invariant: **at every point of the program, the place of every live value
holds the content of that value**. A value is live until its last use on the path at hand (`liveness`).

So an op may write into a place exactly when no value that is live after the op overlaps that place, for
then no content is lost that anybody still wants. The question is asked of the values living in one
buffer, few at any time, which makes the pass linear. Every decision is final and sound by itself; the
order of preference among the sound ones (`Bufferizer.choose`) is what makes the result good.

Three refinements, each a matter of what "wants the content" means:

*Released parts.* A value whose one remaining use is to have a part overwritten by an `insert_slice` no
longer wants that part. This lets `extract_slice, modify, insert_slice` happen in place, and lets a
producer compute straight into the slice that its value will be inserted into.

*Loops.* A buffer that a loop carries is written in the loop's body, so at the loop's entry all live values
in it must be dead or moved away; within the body only values of the current iteration are in the way.

*Eviction.* Where a live value is in the way of a write, either the destination is copied or that live
value is. A small view that is read after its base has been overwritten is copied, not the base.
"""
