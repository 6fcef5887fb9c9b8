"""Attributes of functions, their arguments and results, and of calls.

    ptr noalias captures(none) align 8 %x              {llvm.noalias, llvm.nocapture, llvm.align = 8}
    attributes #0 = { nounwind memory(none) "a"="b" }  ["nounwind", ["memory", "none"], ["a", "b"]]

Most attributes are facts. One that the dialect has no place for can be left out, and those are listed here.
Others say how a value is passed or what code means; of these, one that isn't known is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, StringAttr, UnitAttr, i64
from xdsl.ir import Attribute

from dialectad.lift.llvm_reader.lexer import Tokens, unescape
from dialectad.lift.llvm_reader.types import Types
from dialectad.lower.llvm_text import FUNCTION_FLAGS, FUNCTION_VALUED, PARAMETER_FLAGS

_UNIT = UnitAttr()

# Of arguments and results

_PARAMETER_SIZES = {"align", "dereferenceable", "dereferenceable_or_null"}
_PARAMETER_TYPES = frozenset("byval sret elementtype byref".split())
_PARAMETER_FACTS = frozenset(
    "writable dead_on_unwind dead_on_return initializes nofpclass range captures nocapture allocptr"
    " allocalign noext alignstack".split()
)
"""Known, and without a place in the dialect (`captures(none)` has one)."""
_ABI = frozenset("byval sret inreg signext zeroext nest byref elementtype".split())
"""How a value is passed."""
_REFUSED = frozenset("inalloca preallocated swiftself swiftasync swifterror".split())

# Of functions

_FUNCTION_REFUSED = frozenset(
    "returns_twice naked presplitcoroutine coro_only_destroy_when_complete coro_elide_safe".split()
)
_CALL_MEANING = frozenset("strictfp convergent nobuiltin".split())
"""Function attributes of a call that aren't facts about the callee."""


@dataclass
class Attributes:
    """Reads attributes; knows the groups `#0`."""

    tokens: Tokens
    types: Types
    groups: dict[str, list[Attribute]] = field(default_factory=dict)
    """Group -> entries of `passthrough`."""
    starts: dict[str, int] = field(default_factory=dict)
    """Group -> the token where it starts, until it is first used."""

    def define_group(self) -> None:
        """Take what follows `attributes`: `#0 = { ... }`, to be read later."""
        tokens = self.tokens
        name = tokens.take()
        tokens.expect("=")
        tokens.expect("{")
        self.starts[name] = tokens.at
        tokens.skip_past("}")

    def _group(self, name: str) -> list[Attribute]:
        if (found := self.groups.get(name)) is not None:
            return found
        tokens = self.tokens
        if name not in self.starts:
            tokens.fail(f"there is no attribute group {name}", tokens.at - 1)
        back, tokens.at = tokens.at, self.starts[name]
        found = self.groups[name] = self.function()
        tokens.expect("}")
        tokens.at = back
        return found

    # Arguments and results

    def parameter(self) -> dict[str, Attribute]:
        """Take the attributes between a type and a name."""
        found: dict[str, Attribute] = {}
        tokens = self.tokens
        while True:
            token = tokens.next
            if token in PARAMETER_FLAGS:
                tokens.at += 1
                found[f"llvm.{token}"] = _UNIT
            elif token in _PARAMETER_SIZES:
                tokens.at += 1
                found[f"llvm.{token}"] = IntegerAttr(self._size(), i64)
            elif token in _PARAMETER_TYPES:
                tokens.at += 1
                tokens.expect("(")
                found[f"llvm.{token}"] = self.types.type()
                tokens.expect(")")
            elif token in _PARAMETER_FACTS:
                tokens.at += 1
                value = tokens.balanced() if tokens.next == "(" else ""
                if token == "nocapture" or (token == "captures" and value == "none"):
                    found["llvm.nocapture"] = _UNIT
            elif token in _REFUSED:
                tokens.fail(f"argument attribute `{token}` is not supported")
            elif token[:1] == '"':  # target-dependent, nothing that LLVM itself knows
                tokens.at += 1
                if tokens.accept("="):
                    tokens.string()
            else:
                return found

    def _size(self) -> int:
        """`align 8`, `dereferenceable(8)`."""
        tokens = self.tokens
        if not tokens.accept("("):
            return tokens.integer()
        size = tokens.integer()
        tokens.expect(")")
        return size

    def argument_of_call(self) -> dict[str, Attribute]:
        """Take the attributes of an argument in a call; gives those that say how it is passed."""
        found = self.parameter()
        return {k: v for k, v in found.items() if k[5:] in _ABI} if found else found

    # Functions

    def function(self, *, resolve: bool = True) -> list[Attribute]:
        """Take function attributes and groups of them (left out unless `resolve`); gives entries of
        `passthrough`."""
        found: list[Attribute] = []
        tokens = self.tokens
        while True:
            token = tokens.next
            if token in FUNCTION_VALUED and tokens.list[tokens.at + 1] in ("(", "="):
                tokens.at += 1
                found.append(_pair(token, self._value()))
            elif token in FUNCTION_FLAGS:
                tokens.at += 1
                found.append(StringAttr(token))
            elif token[:1] == '"':
                found.append(self._string())
            elif token[:1] == "#":
                tokens.at += 1
                found += self._group(token) if resolve else ()
            elif token in _FUNCTION_REFUSED:
                tokens.fail(f"function attribute `{token}` is not supported")
            else:
                return found

    def _value(self) -> str:
        tokens = self.tokens
        return tokens.take() if tokens.accept("=") else tokens.balanced()

    def _string(self) -> Attribute:
        tokens = self.tokens
        key = unescape(tokens.take()).decode("utf-8", "replace")
        if not tokens.accept("="):
            return StringAttr(key)
        return _pair(key, tokens.string().decode("utf-8", "replace"))

    def of_call(self) -> None:
        """Take the function attributes of a call, which are facts about its callee."""
        start = self.tokens.at
        for entry in self.function():
            if isinstance(entry, StringAttr) and entry.data in _CALL_MEANING:
                self.tokens.fail(f"call attribute `{entry.data}` is not supported", start)


def _pair(key: str, value: str) -> ArrayAttr:
    return ArrayAttr([StringAttr(key), StringAttr(value)])


def dictionaries(attributes: Sequence[dict[str, Attribute]]) -> ArrayAttr[DictionaryAttr] | None:
    """The attribute dictionaries of arguments, None when all are empty."""
    if not any(attributes):
        return None
    return ArrayAttr([DictionaryAttr(a) for a in attributes])
