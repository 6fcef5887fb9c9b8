"""Reading views, and writing: what shares memory (see Note [One slot for one memory]).

Record layouts: `b` is the slot of the base and `like` its array, `path` leads to the view, `o` and `v` are
the slots of what is read and written.

    read       play, o, b, path, like             o = view
    item       play, o, b, path, key, like        o = view[key]            (a number)
    gather     play, o, b, path, key, like, once  o = view[key]            (a copy; `once`: no position twice)
    store      play, b, path, key, like, v, shape, dtype, last             view[key] = v
    increment  play, b, path, like, v, shape, dtype, sign                  view += sign * v
    scatter    play, b, path, key, like, v, shape, dtype, sign             add.at(view, key, sign * v)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dialectad.frontend.tracers import Tracer
from dialectad.tape import kinds
from dialectad.tape.errors import error
from dialectad.tape.kinds import PLAIN
from dialectad.tape.tape import Cotangents, Playback, Record, Tape
from dialectad.tape.values import Snapshot, Step, TapeArray, TapeScalar, TapeValue, TapeView, shares_memory

_new = object.__new__


# --- operands ----------------------------------------------------------------------------------


def settle(x: Any, tape: Tape) -> Any:
    """`x` as an operand of an operation that `tape` records."""
    if isinstance(x, TapeValue):
        if x.tape is tape:
            return snapshot(x) if type(x) is TapeView else x
        if x.tape.is_finished:
            x.tape.append([])
        return x  # it belongs to a tape around this one: a constant here
    if isinstance(x, np.ndarray) and tape.written:
        check_alias(x, tape)
    return x


def check_alias(x: np.ndarray[Any, Any], tape: Tape) -> None:
    """Refuse a plain array of which the content depends on active values."""
    if any(np.shares_memory(x, other) for other in tape.written.values()):
        raise error(
            "this array shares memory with one that was written into, so its derivative would be lost",
            hint="use the argument itself, or copy this array before",
        )


def deepest(values: Sequence[Any]) -> Tape | None:
    """The innermost of the tapes that record these values."""
    found: Tape | None = None
    for x in values:
        if isinstance(x, TapeValue) and (found is None or x.tape.flavour.depth > found.flavour.depth):
            found = x.tape
    return found


def snapshot(x: TapeView) -> TapeArray:
    """The content of a view as an operand."""
    base = x._base
    content = x.content
    if content is not None and content.pins is base.pins:
        return content
    if x.derive is not None and base.slot >= 0:
        made = _derived(x)
    else:
        made = _new(Snapshot)
        made.slot = -1
        if base.slot >= 0:
            tape = x.tape
            made.slot = o = tape.slots
            tape.slots = o + 1
            play = _pull_read if tape.flavour.mode == "reverse" else _push_read
            tape.append([play, o, base.slot, x._path, base.value])
    made.value = x.value
    made.kind = kinds.of_value(x.value, x.tape.flavour, made.slot >= 0)
    made.tape = x.tape
    made.pins = base.pins
    made.source = x
    x.content = made
    return made


def _derived(x: TapeView) -> Snapshot:
    assert x.derive is not None
    found = x.derive(x.parent)
    made = _new(Snapshot)
    made.slot = snapshot(found).slot if type(found) is TapeView else found.slot
    return made


def content(x: TapeView) -> TapeArray:
    """What a view holds now, as an array that shares no memory."""
    now = snapshot(x)
    made = _new(TapeArray)
    made.value, made.kind, made.tape, made.slot, made.pins = now.value, now.kind, now.tape, now.slot, []
    return made


def follow(array: Any, path: Sequence[Step]) -> Any:
    """The view on `array` to which `path` leads."""
    for step in path:
        array = step(array)
    return array


def _pull_read(g: Cotangents, play: Playback, record: Record) -> None:
    _, o, b, path, like = record
    d = g[o]
    if d is None:
        return
    g[o] = None
    part = follow(play.own(g, b, like), path)
    part += d


def _push_read(t: Cotangents, play: Playback, record: Record) -> None:
    _, o, b, path, _ = record
    if t[b] is not None:
        t[o] = follow(t[b], path).copy()


# --- reading -----------------------------------------------------------------------------------


def read_item(x: TapeArray, key: Any, value: Any) -> Any:
    """The number `value`, which is `x[key]`."""
    base = x.base
    if base.slot < 0:
        return value
    tape = x.tape
    made = _new(TapeScalar)
    made.value = value
    made.kind = _item_kind(value, tape)
    made.tape = tape
    made.slot = o = tape.slots
    tape.slots = o + 1
    play = _pull_item if tape.flavour.mode == "reverse" else _push_item
    tape.append([play, o, base.slot, x.path, key, base.value])
    return made


def _item_kind(value: Any, tape: Tape) -> kinds.Kind:
    plain = PLAIN.get(type(value))
    if plain is None:
        return kinds.of_value(value, tape.flavour, True)
    return kinds.kind(plain.form, plain.dtype, (), tape.flavour, True)


def _pull_item(g: Cotangents, play: Playback, record: Record) -> None:
    _, o, b, path, key, like = record
    d = g[o]
    if d is not None:
        part = play.own(g, b, like)
        if path:
            part = follow(part, path)
        part[key] += d


def _push_item(t: Cotangents, play: Playback, record: Record) -> None:
    _, o, b, path, key, _ = record
    if t[b] is not None:
        t[o] = follow(t[b], path)[key]


def read_copy(x: TapeArray, key: Any, value: Any, once: bool) -> TapeArray:
    """The new array `value`, which is `x[key]` for a key of arrays.

    This isn't traced as other functions are: which positions are read, and for a mask how many, are values
    of the run.
    """
    base = x.base
    tape = x.tape
    made = _new(TapeArray)
    made.value = value
    made.kind = kinds.of_value(value, tape.flavour, base.slot >= 0)
    made.tape = tape
    made.pins = []
    made.slot = -1
    if base.slot >= 0:
        made.slot = tape.new_slot()
        play = _pull_gather if tape.flavour.mode == "reverse" else _push_gather
        tape.append([play, made.slot, base.slot, x.path, key, base.value, once])
    return made


def _pull_gather(g: Cotangents, play: Playback, record: Record) -> None:
    _, o, b, path, key, like, once = record
    d = g[o]
    if d is None:
        return
    g[o] = None
    part = follow(play.own(g, b, like), path)
    if once:
        part[key] += d
    else:
        np.add.at(part, key, d)


def _push_gather(t: Cotangents, play: Playback, record: Record) -> None:
    _, o, b, path, key, _, _ = record
    if t[b] is not None:
        t[o] = follow(t[b], path)[key]


# --- writing -----------------------------------------------------------------------------------


def before_write(x: TapeArray) -> None:
    """What must happen before anything is written into the memory of `x`."""
    base = x.base
    tape = base.tape
    if tape.is_finished:
        tape.append([])
    if id(base) in tape.externals:
        _check_apart(base)
    if base.pins:
        save(base)
    base.pins = []


def save(base: TapeArray) -> None:
    """Give copies to the records that keep the memory of `base`: see Note [Values that are overwritten]."""
    value = base.value
    own = type(value) is np.ndarray and value.base is None
    copies: dict[int, tuple[Any, Any]] = {}
    """By identity: what was kept, and its copy."""
    for record in base.pins:
        for i in range(2, len(record)):
            item = record[i]
            if type(item) is np.ndarray:
                if item is not value and own and item.base is None:
                    continue  # both have memory of their own
            elif not isinstance(item, TapeArray | Tracer):
                continue
            known = copies.get(id(item))
            if known is None:
                if not shares_memory(item, value):
                    continue
                known = copies[id(item)] = item, item.copy()  # pyright: ignore[reportAttributeAccessIssue]
            record[i] = known[1]


def _check_apart(base: TapeArray) -> None:
    """An array from outside that is written into must not share memory with another one that is used."""
    tape = base.tape
    if tape.apart.get(id(base)) == len(tape.externals):
        return
    for other in tape.externals.values():
        if other is not base and _overlap(other.value, base.value):
            raise error(
                "an array is written into that shares memory with another one from outside of the"
                " differentiated function",
                hint="pass a copy",
            )
    tape.apart[id(base)] = len(tape.externals)


def _overlap(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b)


def activate(base: TapeArray) -> None:
    """From now on the content of `base` depends on active values."""
    if base.slot >= 0:
        return
    tape = base.tape
    if base.exposed:
        raise error(
            "a value with a derivative is written into an array that was handed out as a plain one before",
            hint="hand out a copy",
        )
    base.slot = tape.new_slot()
    base.kind = kinds.of_value(base.value, tape.flavour, True)
    base.pins = []  # what views held before isn't active


def note_write(base: TapeArray) -> None:
    """Plain arrays that share this memory have content now of which the derivative isn't known."""
    tape = base.tape
    if base.slot >= 0 and id(base) in tape.externals and isinstance(base.value, np.ndarray):
        tape.written[id(base)] = base.value


def operand_of(x: Any, base: TapeArray) -> tuple[Any, bool]:
    """The plain value of what is to be written into `base`, and whether a derivative flows through that."""
    if not isinstance(x, TapeValue) or x.tape is not base.tape:
        return x, False
    return x.value, x.slot >= 0 and base.value.dtype.kind in "fc"


def store(x: TapeArray, key: Any, value: Any) -> None:
    """`x[key] = value`"""
    base = x.base
    tape = base.tape
    value = settle(value, tape)
    plain, active = operand_of(value, base)
    before_write(base)
    x.value[key] = plain
    if active:
        activate(base)
    elif base.slot < 0:
        return
    note_write(base)
    play = _pull_store if tape.flavour.mode == "reverse" else _push_store
    slot, kind = (value.slot, value.kind) if active else (-1, None)
    last = _last(x.value, key) if active else None
    tape.append([play, base.slot, x.path, kept(key), base.value, slot, kind, last])


def kept(key: Any) -> Any:
    """A key that nobody changes."""
    if isinstance(key, tuple):
        return tuple(map(kept, key))
    return key.copy() if isinstance(key, np.ndarray) else list(key) if isinstance(key, list) else key


def _last(array: Any, key: Any) -> Any:
    """Which elements of what is written into `array[key]` stay, where a key names a position twice: a mask,
    or None for all."""
    if not is_advanced(key):
        return None
    places = positions(array.shape, key)
    if places is None or np.unique(places).size == places.size:
        return None
    _, from_the_end = np.unique(places.ravel()[::-1], return_index=True)
    stays = np.zeros(places.size, np.bool_)
    stays[places.size - 1 - from_the_end] = True
    return stays.reshape(places.shape)


def is_advanced(key: Any) -> bool:
    """Whether a subscript picks elements by arrays, so that it gives a copy."""
    if isinstance(key, tuple):
        return any(_is_array(k) for k in key)
    return _is_array(key)


def _is_array(key: Any) -> bool:
    return isinstance(key, np.ndarray | list | bool | np.bool_ | Tracer | TapeValue)


def positions(shape: Sequence[int], key: Any) -> np.ndarray[Any, Any] | None:
    """The flat positions that `key` picks of an array of `shape`; None for masks, which pick none twice."""
    keys = key if isinstance(key, tuple) else (key,)
    arrays = [np.asarray(k) for k in keys if isinstance(k, np.ndarray | list)]
    if all(a.dtype == np.bool_ for a in arrays):
        return None
    found: Any = 0
    for axis, n in enumerate(shape):
        along = np.arange(n).reshape([-1 if d == axis else 1 for d in range(len(shape))])
        found = found * n + np.broadcast_to(along, shape)[key]
    return np.asarray(found)


def _pull_store(g: Cotangents, play: Playback, record: Record) -> None:
    _, b, path, key, like, v, kind, last = record
    if g[b] is None:
        return
    part = follow(play.own(g, b, like), path)
    if v >= 0:
        c = part[key]
        if last is not None:
            c = np.where(last, c, 0.0)
        add(g, v, gathered(c, kind))
    part[key] = 0.0


def _push_store(t: Cotangents, play: Playback, record: Record) -> None:
    _, b, path, key, like, v, _, _ = record
    value = t[v] if v >= 0 else None
    if value is not None:
        follow(play.own(t, b, like), path)[key] = value
    elif t[b] is not None:
        follow(play.own(t, b, like), path)[key] = 0.0


def increment(x: TapeArray, value: Any, sign: int) -> None:
    """`x += value` for `sign` 1, `x -= value` for -1."""
    base = x.base
    tape = base.tape
    value = settle(value, tape)
    plain, active = operand_of(value, base)
    before_write(base)
    target = x.value
    if sign > 0:
        target += plain
    else:
        target -= plain
    if active:
        activate(base)
        play = _pull_increment if tape.flavour.mode == "reverse" else _push_increment
        tape.append([play, base.slot, x.path, base.value, value.slot, value.kind, sign])
    note_write(base)


def _pull_increment(g: Cotangents, play: Playback, record: Record) -> None:
    _, b, path, like, v, kind, sign = record
    if g[b] is not None:
        c = gathered(follow(play.own(g, b, like), path), kind)
        add(g, v, c if sign > 0 else -c)


def _push_increment(t: Cotangents, play: Playback, record: Record) -> None:
    _, b, path, like, v, _, sign = record
    if t[v] is not None:
        part = follow(play.own(t, b, like), path)
        if sign > 0:
            part += t[v]
        else:
            part -= t[v]


def scatter(x: TapeArray, key: Any, value: Any, sign: int) -> None:
    """`numpy.add.at(x, key, value)`, and the same with `subtract`."""
    base = x.base
    tape = base.tape
    value = settle(value, tape)
    plain, active = operand_of(value, base)
    before_write(base)
    (np.add if sign > 0 else np.subtract).at(x.value, key, plain)
    if active:
        activate(base)
        play = _pull_scatter if tape.flavour.mode == "reverse" else _push_scatter
        tape.append([play, base.slot, x.path, kept(key), base.value, value.slot, value.kind, sign])
    note_write(base)


def _pull_scatter(g: Cotangents, play: Playback, record: Record) -> None:
    _, b, path, key, like, v, kind, sign = record
    if g[b] is not None:
        c = gathered(follow(play.own(g, b, like), path)[key], kind)
        add(g, v, c if sign > 0 else -c)


def _push_scatter(t: Cotangents, play: Playback, record: Record) -> None:
    _, b, path, key, like, v, _, sign = record
    if t[v] is not None:
        (np.add if sign > 0 else np.subtract).at(follow(play.own(t, b, like), path), key, t[v])


# --- cotangents --------------------------------------------------------------------------------


def add(g: Cotangents, slot: int, c: Any) -> None:
    """Add to the cotangent in a slot."""
    p = g[slot]
    g[slot] = c if p is None else p + c


def gathered(c: Any, kind: kinds.Kind) -> Any:
    """A new cotangent like `kind`, of a value that was broadcast and cast to the shape and dtype of `c`."""
    summed = unspread(c, kind.shape)
    if kind.dtype.kind == "f":
        summed = summed.real  # of what was written into a complex array
    if summed.dtype != kind.dtype:
        return summed.astype(kind.dtype)
    return summed if isinstance(summed, np.generic) or summed is not c else summed.copy()


def unspread(c: Any, shape: tuple[int, ...]) -> Any:
    """The sum of `c` over the axes along which something of `shape` was broadcast."""
    if c.shape == shape:
        return c
    extra = len(c.shape) - len(shape)
    if extra < 0:  # written into fewer axes, leading ones of extent 1
        return c.reshape(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and c.shape[extra + i] != 1))
    summed = np.add.reduce(c, axes)
    return summed.reshape(shape) if summed.shape != shape else summed
