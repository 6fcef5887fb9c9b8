"""Loading code: what it computes, where its symbols come from, and what happens when it can't be made."""

import ctypes
import gc
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from dialectad.errors import CompileError
from dialectad.runtime import blas_library, effort, engine, vector_math
from dialectad.runtime.host import host

F64 = ctypes.c_double
FORTY_TWO = "define i64 @f() {\nret i64 42\n}"


def call(library, name="f", result=ctypes.c_int64, *arguments):
    function = ctypes.CFUNCTYPE(result, *arguments)(library.address(name))
    function.library = library  # the address is good for as long as the library lives
    return function


def test_text_and_object_code_load_alike():
    library = engine.load(FORTY_TWO)
    again = engine.load(library.object_code)
    assert call(library)() == call(again)() == 42
    assert library.address("f") == library.address("f") != again.address("f")
    assert "ret i64 42" in library.optimized_ir()
    assert re.search(r"\$42|, 42", library.assembly())
    with pytest.raises(ValueError, match="without its LLVM IR"):
        again.assembly()


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "define i32 @f( {", "define i64 @f() {\nret double 1.0\n}", "define i64 @f() {\n}"],
)
def test_text_that_llvm_refuses(text):
    with pytest.raises(CompileError):
        engine.load(text).address("f")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x7fELF" + b"\0" * 100])
def test_object_code_that_is_none(content):
    with pytest.raises(CompileError):
        engine.load(content).address("f")


def test_missing_symbols():
    with pytest.raises(CompileError, match="isn't there: no_such_function"):
        engine.load(
            "declare void @no_such_function()\ndefine void @f() {\ncall void @no_such_function()\nret void\n}"
        ).address("f")
    with pytest.raises(CompileError, match="nothing_like_that"):
        engine.load(FORTY_TWO).address("nothing_like_that")
    assert call(engine.load(FORTY_TWO))() == 42


def test_imports():
    value = ctypes.c_double(2.5)
    library = engine.load(
        "@x = external global double\ndefine double @f() {\n%v = load double, ptr @x\nret double %v\n}",
        imports={"x": ctypes.addressof(value)},
    )
    f = call(library, "f", F64)
    assert f() == 2.5
    value.value = 3.5
    assert f() == 3.5


def test_many_libraries_come_and_go():
    for i in range(50):
        library = engine.load(f"define i64 @f() {{\nret i64 {i}\n}}")
        assert call(library)() == i
    kept = engine.load(FORTY_TWO)
    f = call(kept)
    del library
    gc.collect()
    assert f() == 42


def test_threads_compile_at_the_same_time():
    found = {}

    def work(i):
        found[i] = call(engine.load(f"define i64 @f() {{\nret i64 {i}\n}}"))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {i: f() for i, f in found.items()} == {i: i for i in range(8)}


# BLAS

DOT = """
declare double @NAME(i32, ptr, i32, ptr, i32)
define double @f(i32 %n, ptr %x, ptr %y) {
  %r = call double @NAME(i32 %n, ptr %x, i32 1, ptr %y, i32 1)
  ret double %r
}
"""


@pytest.mark.parametrize("name", ["cblas_ddot", "scipy_cblas_ddot"])
def test_blas_by_either_name(name):
    f = call(engine.load(DOT.replace("NAME", name)), "f", F64, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    x, y = np.arange(5.0), np.arange(5.0) + 1
    assert f(5, x.ctypes.data, y.ctypes.data) == x @ y


def test_blas_by_path(monkeypatch):
    monkeypatch.setenv(blas_library.VARIABLE, blas_library.current().path)
    assert blas_library.current().name == blas_library.current().path
    assert blas_library.current().address("cblas_dgemm") == blas_library.load("openblas").address(
        "cblas_dgemm"
    )


@pytest.mark.parametrize("choice", ["/no/such/libblas.so", "libm.so.6"])
def test_a_blas_that_is_none(choice, monkeypatch):
    monkeypatch.setenv(blas_library.VARIABLE, choice)
    with pytest.raises(CompileError):
        blas_library.current()


def test_blas_identity_needs_no_loading(monkeypatch):
    monkeypatch.setenv(blas_library.VARIABLE, "/no/such/libblas.so")
    assert blas_library.identity() == "/no/such/libblas.so"


# Vector math

needs_libmvec = pytest.mark.skipif(not vector_math.variants("sin", "double"), reason="no libmvec here")


def mapped(function, type_, arity=1):
    """A loop that applies a libm function to an array."""
    arguments = ", ".join([f"{type_} %x"] * arity)
    return f"""
define void @f(ptr noalias %a, ptr noalias %o, i64 %n) {{
e:
  br label %l
l:
  %i = phi i64 [ 0, %e ], [ %j, %l ]
  %p = getelementptr inbounds {type_}, ptr %a, i64 %i
  %x = load {type_}, ptr %p
  %y = call {type_} @{function}({arguments})
  %q = getelementptr inbounds {type_}, ptr %o, i64 %i
  store {type_} %y, ptr %q
  %j = add nuw nsw i64 %i, 1
  %c = icmp ult i64 %j, %n
  br i1 %c, label %l, label %x1
x1:
  ret void
}}
declare {type_} @{function}({", ".join([type_] * arity)}) nounwind willreturn memory(none)
"""


def libm(function, type_, arity):
    c = ctypes.c_double if type_ == "double" else ctypes.c_float
    f = getattr(ctypes.CDLL("libm.so.6"), function)
    f.restype, f.argtypes = c, [c] * arity
    return f


@needs_libmvec
@pytest.mark.parametrize("type_", ["double", "float"])
@pytest.mark.parametrize("base", vector_math.FUNCTIONS)
def test_vector_functions_agree_with_libm(base, type_):
    """Within 4 ulp, and exactly where the result isn't finite or is zero."""
    arity, function = vector_math.FUNCTIONS[base], base + ("f" if type_ == "float" else "")
    library = engine.load(mapped(function, type_, arity))
    widest = vector_math.variants(function, type_)[0][0]
    assert f"@{widest}(" in library.optimized_ir().split("declare")[0]
    dtype = np.float64 if type_ == "double" else np.float32
    info = np.finfo(dtype)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, info.tiny, -info.tiny, info.tiny / 8, info.max]
    special += [-info.max, 1e10, -1e5, 709.9, -745.2, 88.9, -104.0, 0.5, 2.0, 1 + info.eps]
    rng = np.random.default_rng(0)
    x = np.array([*special, *rng.standard_normal(1000), *(100 * rng.standard_normal(1003))], dtype)
    got = np.empty_like(x)
    f = call(library, "f", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    f(x.ctypes.data, got.ctypes.data, len(x))
    scalar = libm(function, type_, arity)
    expected = np.array([scalar(*[v] * arity) for v in x.tolist()], dtype)
    finite = np.isfinite(expected) & (expected != 0)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    np.testing.assert_array_equal(np.signbit(got[expected == 0]), np.signbit(expected[expected == 0]))
    np.testing.assert_array_max_ulp(got[finite], expected[finite], 5)


@needs_libmvec
def test_object_code_finds_the_vector_functions_in_a_new_process(tmp_path):
    code = engine.object_code(mapped("sin", "double"))
    (tmp_path / "code").write_bytes(code)
    script = "import sys; from dialectad.runtime import engine; from pathlib import Path; "
    script += "engine.load(Path(sys.argv[1]).read_bytes()).address('f')"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "code")], check=True)


@needs_libmvec
def test_scalar_calls_stay_libm_calls():
    body = "define double @f(double %x) {\n%y = call double @sin(double %x)\nret double %y\n}\n"
    library = engine.load(body + "declare double @sin(double)")
    assert "call double @sin" in library.optimized_ir()
    assert call(library, "f", F64, F64)(0.5) == np.sin(0.5)


def test_without_libmvec_text_stays_scalar(monkeypatch):
    vector_math.variants.cache_clear()
    monkeypatch.setattr(vector_math, "library", lambda: None)
    try:
        text = mapped("sin", "double")
        assert "abi-variant" not in vector_math.specialize(text)
        assert "_ZGV" not in engine.load(text).optimized_ir()
    finally:
        vector_math.variants.cache_clear()


def test_unknown_functions_have_no_variants():
    assert vector_math.variants("sinf", "double") == ()
    assert vector_math.variants("sin", "float") == ()
    assert vector_math.variants("frobnicate", "double") == ()
    assert vector_math.variants("f", "float") == ()


def test_specialize_is_idempotent_on_declarations():
    once = vector_math.specialize(mapped("exp", "double"))
    assert vector_math.specialize(once).count("abi-variant") == once.count("abi-variant")


def test_functions_with_metadata_are_left_alone():
    text = 'define void @f() !prof !0 {\nret void\n}\n!0 = !{!"function_entry_count", i64 1}'
    assert vector_math.specialize(text) == text
    engine.load(text)


def test_wide_vectors_are_used_where_the_cpu_has_them():
    assert ("<8 x double>" in engine.load(mapped("fabs", "double")).optimized_ir()) == host().has("avx512f")


# Effort


def chain(n, flags):
    lines = [f"  %v{i} = f{'add' if i % 2 else 'mul'} {flags} double %v{i - 1}, {i}.5" for i in range(1, n)]
    return "\n".join(["define double @f(double %v0) {", *lines, f"  ret double %v{n - 1}", "}"])


def test_long_blocks_lose_what_is_quadratic():
    short, long = chain(100, "reassoc contract"), chain(600, "reassoc contract")
    assert effort.effort(short).llvm_ir == short
    assert "reassoc" not in effort.effort(long).llvm_ir
    assert "contract" in effort.effort(long).llvm_ir
    assert effort.effort(short).slp
    assert not effort.effort(chain(3000, "contract")).slp
    assert effort.effort(chain(effort.OPTIMIZED_BLOCK + 10, "")).codegen == 0
    many = "\n".join([chain(1000, "contract")] * 9)
    assert not effort.effort(many).slp
    both = short + "\n" + long.replace("@f", "@g")
    assert "reassoc" in effort.effort(both).llvm_ir.split("@g")[0]
    assert "reassoc" not in effort.effort(both).llvm_ir.split("@g")[1]


def test_long_chains_compile_in_linear_time():
    start = time.perf_counter()
    engine.load(chain(3000, "reassoc contract"))
    assert time.perf_counter() - start < 2.5
