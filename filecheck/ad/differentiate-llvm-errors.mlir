// RUN: dialectad-opt -p "lift-cf-to-scf{differentiated=true},differentiate{level=llvm}" --split-input-file --verify-diagnostics %s

// Of a function that isn't known nothing is known of its derivative.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %v = llvm.load %x : !llvm.ptr -> f64
  // expected-error@+1 {{a call of 'mystery', of which no derivative is known}}
  %r = llvm.call @mystery(%v) : (f64) -> f64
  llvm.store %r, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @mystery(f64) -> f64
llvm.func @f.jvp_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "jvp", active = array<i64: 0>, seeds = array<i64>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// -----

// Nor of one that takes memory with active values.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %v = llvm.load %x : !llvm.ptr -> f64
  llvm.store %v, %y : f64, !llvm.ptr
  // expected-error@+1 {{a call of 'sort', of which no derivative is known}}
  llvm.call @sort(%y) : (!llvm.ptr) -> ()
  llvm.return %zero : i64
}
llvm.func @sort(!llvm.ptr)
llvm.func @f.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// -----

// It overwrites memory before that holds active values: what it leaves there could be anything.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  // expected-error@+1 {{a call of 'clear', of which no derivative is known}}
  llvm.call @clear(%y) : (!llvm.ptr) -> ()
  %v = llvm.load %x : !llvm.ptr -> f64
  llvm.store %v, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @clear(!llvm.ptr)
llvm.func @f.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// -----

// A pointer that is read from memory may point anywhere.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %p = llvm.load %y : !llvm.ptr -> !llvm.ptr
  // expected-error@+1 {{memory whose place depends on control flow}}
  %v = llvm.load %p : !llvm.ptr -> f64
  llvm.store %v, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @f.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// -----

// Bits of a float in an integer that is computed with.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %mask = llvm.mlir.constant(9223372036854775807 : i64) : i64
  // expected-error@+1 {{floats that are read as integers, and computed with}}
  %v = llvm.load %x : !llvm.ptr -> i64
  %a = llvm.and %v, %mask : i64
  llvm.store %a, %y : i64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @f.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// -----

// Vectors.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  // expected-error@+1 {{floats that are read as vector<2xf64>}}
  %v = llvm.load %x : !llvm.ptr -> vector<2xf64>
  llvm.store %v, %y : vector<2xf64>, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @f.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<2xf64>, memref<2xf64>, memref<2xf64>, memref<2xf64>]}}

// -----

// A product with a factor that is differentiated by isn't linear in its matrices alone.
llvm.func internal @f(%s: f64, %a: !llvm.ptr {llvm.noalias}, %x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %order = llvm.mlir.constant(101 : i32) : i32
  %no = llvm.mlir.constant(111 : i32) : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %two = llvm.mlir.constant(2 : i32) : i32
  %beta = llvm.mlir.constant(0.0 : f64) : f64
  // expected-error@+1 {{a call of BLAS with a scalar that is differentiated}}
  llvm.call @cblas_dgemv(%order, %no, %two, %two, %s, %a, %two, %x, %one, %beta, %y, %one) : (i32, i32, i32, i32, f64, !llvm.ptr, i32, !llvm.ptr, i32, f64, !llvm.ptr, i32) -> ()
  llvm.return %zero : i64
}
llvm.func @cblas_dgemv(i32, i32, i32, i32, f64, !llvm.ptr, i32, !llvm.ptr, i32, f64, !llvm.ptr, i32)
llvm.func @f.vjp_0_of_0(f64, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 3 : i64, outs = 1 : i64, types = [f64, memref<2x2xf64>, memref<2xf64>, memref<2xf64>, memref<f64>, memref<2xf64>]}}
