"""The native entry point: what it takes, what it passes on, what it gives, and its reference counts."""

import collections
import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

from dialectad.runtime import engine
from dialectad.runtime.abi import (
    DTYPES,
    ArgumentResult,
    ArrayArg,
    ArrayResult,
    ConstantResult,
    ScalarArg,
    ScalarResult,
    StaticArg,
    Tree,
)
from dialectad.runtime.dispatch import native_callable

F64 = np.dtype(np.float64)
I64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool)
BY_VALUE = [d for d in DTYPES if d.kind != "c"]
LLVM = dict(zip(BY_VALUE, "double float i64 i32 i16 i8 i64 i32 i16 i8 i8".split(), strict=True))
leaf = Tree.leaf
VECTOR = leaf(ArrayArg(F64, (3,)))


def slow(*args, **kwargs):
    return "slow", args, kwargs


def fail(status):
    raise ArithmeticError(status)


def make(kernel, args, results, captured=(), slow=slow, fail=fail, **options):
    """A callable on the kernel `@k` in LLVM IR text."""
    library = engine.load(kernel)
    return native_callable(
        library.address("k"), args, captured, results, slow, fail, "f", None, keep=library, **options
    )


def copier(types, places=None):
    """A kernel that stores its arguments of LLVM types `types` through as many pointers."""
    args = [f"{t} %x{i}" for i, t in enumerate(types)] + [f"ptr %o{i}" for i in range(len(types))]
    stores = [f"store {t.split()[0]} %x{i}, ptr %o{i}" for i, t in enumerate(types)]
    return "\n".join([f"define i64 @k({', '.join(args)}) {{", *stores, "ret i64 0", "}"])


NOTHING = "define i64 @k() {\nret i64 0\n}"
FIRST = """
define i64 @k(ptr %a, ptr %o) {
  %x = load double, ptr %a
  store double %x, ptr %o
  ret i64 0
}
"""
IGNORE = "define i64 @k(ptr %a) {\nret i64 0\n}"


def took(f, *args, **kwargs):
    """Whether the call went into the kernel."""
    result = f(*args, **kwargs)
    return not (isinstance(result, tuple) and len(result) == 3 and result[0] == "slow")


# Arguments


def on_array(dtype=F64, shape=(3,), writable=False):
    return make(IGNORE, (leaf(ArrayArg(dtype, shape, writable)),), Tree.tuple())


@pytest.mark.parametrize("dtype", DTYPES)
def test_takes_an_array_of_its_type_only(dtype):
    f = on_array(dtype)
    for other in [*DTYPES, np.dtype(object), np.dtype(">f8"), np.dtype(np.clongdouble)]:
        assert took(f, np.zeros(3, other)) == (other == dtype)


def test_takes_equal_types_that_are_other_objects():
    f = on_array()
    copy = pickle.loads(pickle.dumps(np.zeros(3)))
    assert copy.dtype is not F64
    assert took(f, copy)
    assert took(on_array(I64), np.zeros(3, np.longlong))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (2, 3), (2, 0, 3), (1,) * 8])
def test_takes_its_shape_only(shape):
    f = on_array(shape=shape)
    for other in [(), (0,), (1,), (3,), (2, 3), (3, 2), (2, 0, 3), (2, 3, 0), (1,) * 8, (1,) * 7]:
        assert took(f, np.zeros(other)) == (other == shape)


class Subclass(np.ndarray):
    pass


def unaligned():
    return np.frombuffer(bytearray(25), np.uint8)[1:].view(np.float64)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(6)[::2],
        np.zeros(3)[::-1],
        np.broadcast_to(np.zeros(1), 3),
        np.zeros(3).view(Subclass),
        np.ma.masked_array(np.zeros(3)),
        unaligned(),
        [0.0, 0.0, 0.0],
        (0.0, 0.0, 0.0),
        None,
        1.0,
        np.float64(1),
        "abc",
        np.zeros(3).tobytes(),
        np.ndarray,
    ],
)
def test_other_things_than_plain_contiguous_arrays_go_the_slow_way(value):
    assert not took(on_array(), value)


def test_contiguous_views_are_taken():
    assert took(on_array(), np.zeros((4, 3))[2])
    assert took(on_array(shape=(2, 3)), np.zeros((4, 3))[1:3])
    assert not took(on_array(shape=(2, 3)), np.zeros((3, 2)).T)


def test_written_arrays_have_to_be_writable():
    x = np.zeros(3)
    assert took(on_array(writable=True), x)
    x.flags.writeable = False
    assert not took(on_array(writable=True), x)
    assert took(on_array(), x)


def test_the_arguments_come_through_as_they_are():
    types = [LLVM[d] + (" zeroext" if d == BOOL else "") for d in BY_VALUE]
    f = make(
        copier(types),
        tuple(leaf(ScalarArg(d)) for d in BY_VALUE),
        Tree.tuple(*(leaf(ScalarResult(d)) for d in BY_VALUE)),
    )
    values = [
        np.float64(-1.5),
        np.float32(2.5),
        np.int64(-(2**63)),
        np.int32(-7),
        np.int16(300),
        np.int8(-128),
        np.uint64(2**64 - 1),
        np.uint32(2**32 - 1),
        np.uint16(2**16 - 1),
        np.uint8(255),
        np.bool(True),
    ]
    results = f(*values)
    assert results == tuple(values)
    assert [type(r) for r in results] == [type(v) for v in values]


@pytest.mark.parametrize(
    ("dtype", "weak"), [("complex128", False), ("complex64", False), ("complex128", True)]
)
def test_complex_scalars_come_through_in_memory(dtype, weak):
    dtype = np.dtype(dtype)
    part = {16: "double", 8: "float"}[dtype.itemsize]
    kernel = f"""
    define i64 @k(ptr %z, ptr %o) {{
      %pair = load [2 x {part}], ptr %z
      store [2 x {part}] %pair, ptr %o
      ret i64 0
    }}
    """
    value = 1.5 - 2j if weak else dtype.type(1.5 - 2j)
    for f, given in (
        (make(kernel, (leaf(ScalarArg(dtype, weak)),), leaf(ScalarResult(dtype, weak))), value),
        (make(kernel, (Tree.list(leaf(ScalarArg(dtype, weak))),), leaf(ScalarResult(dtype, weak))), [value]),
    ):
        result = f(given)
        assert result == value
        assert type(result) is type(value)
    assert not took(f, [1.5])


def test_python_scalars():
    f = make(
        copier(["double", "i64", "i8 zeroext"]),
        (leaf(ScalarArg(F64, True)), leaf(ScalarArg(I64, True)), leaf(ScalarArg(BOOL, True))),
        Tree.list(
            leaf(ScalarResult(F64, True)), leaf(ScalarResult(I64, True)), leaf(ScalarResult(BOOL, True))
        ),
    )
    for values in ([1.5, -3, True], [float("inf"), 2**63 - 1, False], [-0.0, -(2**63), True]):
        results = f(*values)
        assert results == values
        assert [type(r) for r in results] == [float, int, bool]
    for bad in (
        (1, 1, True),
        (1.0, 1.0, True),
        (1.0, True, True),
        (1.0, 1, 1),
        (np.float64(1), 1, True),
        (1.0, np.int64(1), True),
        (1.0, 1, np.True_),
        (1.0, 2**63, True),
        (1.0, -(2**63) - 1, True),
        (1.0, 10**100, True),
        (None, None, None),
    ):
        assert f(*bad) == ("slow", bad, {})


def test_numpy_scalars_are_told_from_python_ones():
    f = make(copier(["double"]), (leaf(ScalarArg(F64)),), leaf(ScalarResult(F64)))
    assert f(np.float64(2)) == 2
    assert type(f(np.float64(2))) is np.float64
    for other in (2.0, np.float32(2), np.array(2.0), 2):
        assert not took(f, other)


def test_python_float_for_an_f32_kernel():
    f32 = np.dtype(np.float32)
    f = make(copier(["float"]), (leaf(ScalarArg(f32, True)),), leaf(ScalarResult(f32, True)))
    assert f(0.1) == float(np.float32(0.1))


def test_static_arguments_are_known_by_identity():
    mode = object()
    f = make(NOTHING, (leaf(StaticArg(mode)), leaf(StaticArg(None))), leaf(ConstantResult("ran")))
    assert f(mode, None) == "ran"
    assert not took(f, object(), None)
    assert not took(f, mode, 0)


def test_keywords_and_wrong_counts_go_the_slow_way():
    f = on_array()
    x = np.zeros(3)
    assert f(a=x) == ("slow", (), {"a": x})
    assert f(x, b=1, c=2) == ("slow", (x,), {"b": 1, "c": 2})
    assert f() == ("slow", (), {})
    assert f(x, x) == ("slow", (x, x), {})
    assert f(*[x], **{}) == ()


# Trees

TREE = Tree.tuple(
    VECTOR, Tree.list(leaf(ScalarArg(F64, True)), Tree.dict({"w": VECTOR, "b": VECTOR})), Tree.list()
)
SUM = """
define i64 @k(ptr %a, double %s, ptr %w, ptr %b, ptr %o) {
  %x = load double, ptr %a
  %y = load double, ptr %w
  %z = load double, ptr %b
  %1 = fmul double %y, 10.0
  %2 = fmul double %z, 100.0
  %3 = fadd double %x, %1
  %4 = fadd double %3, %2
  %5 = fmul double %4, %s
  store double %5, ptr %o
  ret i64 0
}
"""


def vector(x):
    return np.full(3, float(x))


def test_nested_arguments():
    f = make(SUM, (TREE,), leaf(ScalarResult(F64, True)))
    assert f((vector(1), [2.0, {"w": vector(2), "b": vector(3)}], [])) == 642.0
    assert f((vector(1), [2.0, {"b": vector(3), "w": vector(2)}], [])) == 642.0


Pair = collections.namedtuple("Pair", "a b c")


@pytest.mark.parametrize(
    "bad",
    [
        [vector(1), [2.0, {"w": vector(2), "b": vector(3)}], []],
        (vector(1), (2.0, {"w": vector(2), "b": vector(3)}), []),
        (vector(1), [2.0, {"w": vector(2), "b": vector(3)}], [1]),
        (vector(1), [2.0, {"w": vector(2), "b": vector(3)}]),
        (vector(1), [2.0, {"w": vector(2), "b": vector(3)}], [], []),
        (vector(1), [2.0, {"w": vector(2), "b": vector(3), "c": 0}], []),
        (vector(1), [2.0, {"w": vector(2), "c": vector(3)}], []),
        (vector(1), [2.0, {"w": vector(2)}], []),
        (vector(1), [2.0, {}], []),
        (vector(1), [], []),
        (vector(1), [2.0, collections.OrderedDict(w=vector(2), b=vector(3))], []),
        Pair(vector(1), [2.0, {"w": vector(2), "b": vector(3)}], []),
        (vector(1), [2.0, {"w": vector(2), "b": [vector(3)]}], []),
        (),
        None,
    ],
)
def test_other_trees_go_the_slow_way(bad):
    f = make(SUM, (TREE,), leaf(ScalarResult(F64, True)))
    assert f(bad)[0] == "slow"
    assert f(bad)[1][0] is bad


def test_nested_results():
    constant = object()
    results = Tree.dict(
        {
            "x": Tree.tuple(
                leaf(ScalarResult(F64)), Tree.list(leaf(ArgumentResult(1)), leaf(ArgumentResult(0)))
            ),
            "y": leaf(ConstantResult(constant)),
            3: Tree.list(),
            (4,): Tree.dict({}),
        }
    )
    f = make(FIRST, (VECTOR, Tree.list(leaf(StaticArg("same")))), results)
    x = vector(7)
    result = f(x, ["same"])
    assert list(result) == ["x", "y", 3, (4,)]
    assert result["x"][0] == 7
    assert type(result["x"]) is tuple
    assert result["x"][1][0] == "same"
    assert result["x"][1][1] is x
    assert result["y"] is constant
    assert result[3] == []
    assert result[(4,)] == {}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 3), (3, 0, 2)])
def test_array_results(dtype, shape):
    f = make("define i64 @k(ptr %o) {\nret i64 0\n}", (), leaf(ArrayResult(dtype, shape)))
    result = f()
    assert type(result) is np.ndarray
    assert (result.dtype, result.shape) == (dtype, shape)
    assert result.flags.c_contiguous
    assert result.flags.owndata
    assert result.flags.writeable
    assert f() is not result


def test_captured_arrays_follow_the_arguments():
    kernel = """
    define i64 @k(ptr %a, ptr %c, ptr %o) {
      %x = load double, ptr %a
      %y = load double, ptr %c
      %z = fsub double %x, %y
      store double %z, ptr %o
      ret i64 0
    }
    """
    captured = vector(2)
    f = make(kernel, (VECTOR,), leaf(ScalarResult(F64)), (captured,))
    assert f(vector(5)) == 3
    captured[0] = 4
    assert f(vector(5)) == 1
    del captured
    gc.collect()
    assert f(vector(5)) == 1


# Overlap

WRITE = "define i64 @k(ptr %a, ptr %b) {\nstore double 9.0, ptr %a\nret i64 0\n}"


@pytest.mark.parametrize("order", [0, 1])
def test_what_is_written_lies_apart_from_the_rest(order):
    args = (leaf(ArrayArg(F64, (3,), writable=order == 0)), leaf(ArrayArg(F64, (3,), writable=order == 1)))
    f = make(WRITE, args, Tree.tuple())
    base = np.zeros(12)
    assert took(f, base[:3], base[3:6])
    assert took(f, base[3:6], base[:3])
    for shift in (0, 1, 2):
        assert not took(f, base[:3], base[shift : shift + 3])
        assert not took(f, base[shift : shift + 3], base[:3])
    read = make(WRITE, (VECTOR, VECTOR), Tree.tuple())
    assert took(read, base[:3], base[1:4])


def test_what_is_written_lies_apart_from_captured_arrays():
    captured = np.zeros(4)
    f = make(WRITE, (leaf(ArrayArg(F64, (3,), writable=True)),), Tree.tuple(), (captured,))
    assert took(f, np.zeros(3))
    assert not took(f, captured[1:])


def test_empty_arrays_overlap_nothing():
    x = np.zeros((3, 0))
    args = (leaf(ArrayArg(F64, (3, 0), True)), leaf(ArrayArg(F64, (3, 0), True)))
    assert took(make("define i64 @k(ptr %a, ptr %b) {\nret i64 0\n}", args, Tree.tuple()), x, x)


# Failure

STATUS = "define i64 @k(i64 %s, ptr %o) {\nstore double 1.0, ptr %o\nret i64 %s\n}"


def test_status_reaches_fail():
    f = make(STATUS, (leaf(ScalarArg(I64, True)),), leaf(ArrayResult(F64, (3,))))
    assert f(0)[0] == 1
    for status in (1, -1, 2**40):
        with pytest.raises(ArithmeticError) as caught:
            f(status)
        assert caught.value.args == (status,)


def test_a_handler_that_raises_nothing():
    f = make(STATUS, (leaf(ScalarArg(I64, True)),), leaf(ArrayResult(F64, (3,))), fail=lambda status: None)
    with pytest.raises(SystemError, match="status 3"):
        f(3)


def test_exceptions_of_the_slow_way_pass():
    def raising(*args):
        raise KeyError("k")

    f = make(IGNORE, (VECTOR,), Tree.tuple(), slow=raising)
    with pytest.raises(KeyError):
        f(1)


def test_results_that_do_not_fit_into_memory():
    two = Tree.tuple(leaf(ArrayResult(F64, (4,))), leaf(ArrayResult(F64, (2**45,))))
    f = make("define i64 @k(ptr %o, ptr %p) {\nret i64 0\n}", (), two)
    before = sys.getrefcount(F64)
    for _ in range(50):
        with pytest.raises(MemoryError):
            f()
    assert abs(sys.getrefcount(F64) - before) < 5


@pytest.mark.parametrize(
    ("args", "captured", "results"),
    [
        ((leaf(ArrayResult(F64, ())),), (), Tree.tuple()),
        ((), (), VECTOR),
        ((), (), leaf(ArgumentResult(0))),
        ((VECTOR,), (), leaf(ArgumentResult(-1))),
        ((), (np.zeros((3, 3))[:, 1],), Tree.tuple()),
        ((), (np.zeros(3).view(Subclass),), Tree.tuple()),
        ((), (np.zeros(3, ">f8"),), Tree.tuple()),
    ],
)
def test_bad_signatures_are_refused(args, captured, results):
    with pytest.raises((TypeError, ValueError)):
        make(NOTHING, args, results, captured)


@pytest.mark.parametrize("dtype", [np.dtype(t) for t in (np.float16, np.clongdouble, object, ">f8")])
def test_bad_types_are_refused(dtype):
    with pytest.raises(TypeError):
        ArrayArg(dtype, (3,))


# References


def counts(objects):
    return [sys.getrefcount(o) for o in objects]


def test_references_are_exact_on_every_way():
    marker, constant, key = object(), object(), "a key of its own"
    tree = Tree.tuple(VECTOR, Tree.list(VECTOR, leaf(StaticArg(marker))), Tree.dict({key: VECTOR}))
    results = Tree.tuple(
        leaf(ArgumentResult(0)),
        Tree.list(leaf(ArgumentResult(1)), leaf(ArgumentResult(2)), leaf(ConstantResult(constant))),
        Tree.dict({key: leaf(ArrayResult(F64, (3,))), "s": leaf(ScalarResult(F64))}),
        leaf(ScalarResult(F64, True)),
    )
    kernel = """
    define i64 @k(ptr %a, ptr %b, ptr %c, i64 %s, ptr %o, ptr %p, ptr %q) {
      store double 1.0, ptr %p
      store double 2.0, ptr %q
      ret i64 %s
    }
    """
    f = make(kernel, (tree, leaf(ScalarArg(I64, True))), results)
    x, y, z = vector(1), vector(2), vector(3)
    inner, outer = [y, marker], {key: z}
    good, bad = (x, inner, outer), (x, inner, {key: 0})
    watched = [x, y, z, marker, constant, key, inner, outer, good, bad, F64, tuple, list, dict, np.ndarray]

    def run():
        f(good, 0)
        f(bad, 0)
        f(good, 1.0)
        f(good, status=1)
        with pytest.raises(ArithmeticError):
            f(good, 4)

    run()
    gc.collect()
    before = counts(watched)
    for _ in range(200):
        run()
    gc.collect()
    assert max(abs(a - b) for a, b in zip(counts(watched), before, strict=True)) < 5


def test_results_are_freed():
    f = make(FIRST, (VECTOR,), Tree.tuple(Tree.list(leaf(ScalarResult(F64))), leaf(ArgumentResult(0))))
    x = vector(1)
    f(x)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        f(x)
        f(None)
    assert sys.getallocatedblocks() - before < 100
    g = make("define i64 @k(ptr %o) {\nret i64 0\n}", (), Tree.list(leaf(ArrayResult(F64, (3,)))))
    alive = weakref.ref(g()[0])
    assert alive() is None


def test_the_callable_keeps_what_it_needs_and_no_longer():
    def own_slow(*args):
        return "own"

    reference = weakref.ref(own_slow)
    f = make(IGNORE, (VECTOR,), Tree.tuple(), slow=own_slow)
    del own_slow
    gc.collect()
    assert f(1) == "own"
    del f
    gc.collect()
    assert reference() is None


def test_a_cycle_through_the_slow_way_is_collected():
    holder = []

    def own_slow(*args):
        return holder

    reference = weakref.ref(own_slow)
    holder.append(make(IGNORE, (VECTOR,), Tree.tuple(), slow=own_slow))
    del own_slow
    holder = None
    gc.collect()
    assert reference() is None


class Evil:
    """A dictionary key that equals nothing, and runs code when it is compared."""

    def __init__(self, like):
        self.like, self.action = like, None

    def __hash__(self):
        return hash(self.like)

    def __eq__(self, other):
        if self.action is not None:
            self.action()
        return False


def test_code_that_changes_a_list_during_the_checks():
    args = (Tree.list(VECTOR, Tree.dict({"w": VECTOR, "v": VECTOR}), VECTOR),)
    f = make("define i64 @k(ptr %a, ptr %b, ptr %c, ptr %d) {\nret i64 0\n}", args, Tree.tuple())
    for _ in range(20):
        key = Evil("w")
        outer = [vector(1), {key: 0, "w": vector(2)}, vector(3)]
        key.action = outer.clear
        assert f(outer)[0] == "slow"
        assert outer == []

    def explode():
        raise RuntimeError

    key = Evil("w")
    key.action = explode
    assert f([vector(1), {key: 0, "q": vector(2)}, vector(3)])[0] == "slow"


# Threads

LONG = """
define i64 @k(ptr %a, ptr %o) {
e:
  %x = load double, ptr %a
  br label %l
l:
  %i = phi i64 [ 0, %e ], [ %j, %l ]
  %s = phi double [ %x, %e ], [ %t, %l ]
  %t = fadd double %s, 1.0
  %j = add i64 %i, 1
  %c = icmp ult i64 %j, 100000
  br i1 %c, label %l, label %x1
x1:
  store double %t, ptr %o
  ret i64 0
}
"""


@pytest.mark.parametrize("release_gil", [False, True])
def test_threads(release_gil):
    f = make(LONG, (Tree.list(VECTOR),), leaf(ScalarResult(F64)), release_gil=release_gil)
    errors = []

    def work(start):
        for k in range(100):
            value = f([vector(start + k)])
            if value != start + k + 100000:
                errors.append(value)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_threads_make_callables_at_the_same_time():
    found = []

    def work(n):
        f = make(FIRST, (leaf(ArrayArg(F64, (n,))),), leaf(ScalarResult(F64)))
        found.append(f(np.full(n, float(n))) == n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [True] * 8


def test_many_leaves():
    n = 300
    kernel = f"define i64 @k({', '.join(f'ptr %x{i}' for i in range(n))}) {{\nret i64 0\n}}"
    f = make(kernel, (Tree.list(*[VECTOR] * n),), Tree.list(*(leaf(ArgumentResult(i)) for i in range(n))))
    arrays = [vector(i) for i in range(n)]
    assert all(a is b for a, b in zip(f(arrays), arrays, strict=True))
    assert f([*arrays[:-1], None])[0] == "slow"
    del arrays[5]
    assert f(arrays)[0] == "slow"
    assert len(set(counts(arrays))) == 1


def test_name_and_doc():
    library = engine.load(NOTHING)
    f = native_callable(
        library.address("k"), (), (), Tree.tuple(), slow, fail, "norm", "The norm.", keep=library
    )
    assert (f.__name__, f.__doc__) == ("norm", "The norm.")
    assert f() == ()
