"""The operators with Python's own semantics: what a rewritten function must do when nothing is staged.

`Checked` also verifies what the rewriting promises about `names`, `live` and `carried`: before anything
that isn't live (or isn't carried) could be looked at, it is overwritten with a value that fails.
"""

from __future__ import annotations

from typing import Any

from dialectad.frontend.texts import formatted


class Undefined:
    """The value of a name that isn't bound."""

    def __init__(self, name: str):
        self.name = name

    def __bool__(self) -> bool:
        raise AssertionError(f"{self.name} was looked at")


class Dead(Undefined):
    """The value of a name that the rewriting said nobody reads."""


class PythonOperators:
    Undefined = Undefined

    def outer(self, value: Any) -> Any:
        return value

    def load(self, value: Any) -> Any:
        assert not isinstance(value, Dead), f"{value.name} was said to be dead"
        if isinstance(value, Undefined):
            raise UnboundLocalError(f"cannot access local variable {value.name!r}")
        return value

    def bury(self, names, flags, get, set_) -> None:
        values = get()
        assert len(values) == len(names) == len(flags)
        set_(tuple(v if f else Dead(n) for n, f, v in zip(names, flags, values, strict=True)))

    def if_(self, test, then_fn, else_fn, names, live, get, set_) -> None:
        (then_fn if test else else_fn)()
        self.bury(names, live, get, set_)

    def while_(self, test_fn, body_fn, names, live, carried, get, set_) -> None:
        needed = tuple(a or b for a, b in zip(live, carried, strict=True))
        while True:
            self.bury(names, needed, get, set_)
            if not test_fn():
                break
            self.bury(names, carried, get, set_)
            body_fn()
        self.bury(names, live, get, set_)

    def for_(self, iterable, body_fn, names, live, carried, get, set_, test_fn) -> None:
        needed = tuple(a or b for a, b in zip(live, carried, strict=True))
        iterator = iter(iterable)
        while True:
            self.bury(names, needed, get, set_)
            if test_fn is not None and not test_fn():
                break
            try:
                item = next(iterator)
            except StopIteration:
                break
            self.bury(names, carried, get, set_)
            body_fn(item)
        self.bury(names, live, get, set_)

    def and_(self, a, b):
        return a and b()

    def or_(self, a, b):
        return a or b()

    def not_(self, a):
        return not a

    def cond(self, test, a, b):
        return a() if test else b()

    def steps(self, iterator):
        return iterator

    def ways(self, test, function):
        return [True] if test else []

    def kept(self, test, item, function):
        return item()

    def pattern_class(self, cls):
        return cls

    def call(self, f):
        return f

    def text(self, *parts):
        return "".join(part if isinstance(part, str) else formatted(*part) for part in parts)

    def load_item(self, obj, key):
        return obj[key]

    def store_item(self, obj, key, value) -> None:
        obj[key] = value

    def aug_item(self, obj, key, op, value) -> None:
        obj[key] = op(obj[key], value)

    def changes(self, obj, name, value) -> None:
        pass

    def removes(self, obj) -> None:
        pass

    def assert_(self, test, message) -> None:
        if not test:
            text = message()
            raise AssertionError(*([] if text is None else [text]))
