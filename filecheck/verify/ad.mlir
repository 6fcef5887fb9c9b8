// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func private @f(%x: f64, %i: i64) -> f64 {
  func.return %x : f64
}
func.func @requests(%x: f64, %y: f32, %i: i64) {
  %0, %1 = "ad.vjp"(%x, %i, %x) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, i64, f64) -> (f64, f64)
  // expected-error@+1 {{there is no func.func @g}}
  %2, %3 = "ad.vjp"(%x, %i, %x) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, i64, f64) -> (f64, f64)
  // expected-error@+1 {{operands are (f64, i64, f32), expected (f64, i64, f64)}}
  %4, %5 = "ad.vjp"(%x, %i, %y) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, i64, f32) -> (f64, f64)
  // expected-error@+1 {{active arguments [1] aren't of float type}}
  %6, %7 = "ad.jvp"(%x, %i, %i) <{callee = @f, active = array<i64: 1>, level = "linalg"}> : (f64, i64, i64) -> (f64, f64)
  // expected-error@+1 {{active arguments [2] aren't different positions among 2}}
  %8, %9 = "ad.jvp"(%x, %i, %x) <{callee = @f, active = array<i64: 2>, level = "linalg"}> : (f64, i64, f64) -> (f64, f64)
  // expected-error@+1 {{results are (f64), expected (f64, f64)}}
  %10 = "ad.jvp"(%x, %i, %x) <{callee = @f, active = array<i64: 0>, level = "linalg"}> : (f64, i64, f64) -> f64
  func.return
}

// -----

func.func @caches(%x: f32) {
  %c = "ad.cache"() : () -> !ad.cache<f64>
  // expected-error@+1 {{pushes f32 on !ad.cache<f64>}}
  "ad.push"(%c, %x) : (!ad.cache<f64>, f32) -> ()
  // expected-error@+1 {{gives f32 from !ad.cache<f64>}}
  %y = "ad.pop"(%c) : (!ad.cache<f64>) -> f32
  %d = "ad.cache"() : () -> !ad.cache<tensor<?xf64>>
  // expected-error@+1 {{0 sizes given for the dynamic extents of tensor<?xf64>}}
  %z = "ad.pop"(%d) : (!ad.cache<tensor<?xf64>>) -> tensor<?xf64>
  func.return
}

// -----

func.func @blas(%a: tensor<2x3xf64>, %b: tensor<3x4xf64>, %c: tensor<2x4xf64>, %d: tensor<2x5xf64>) {
  %0 = "blas.gemm"(%a, %b, %c) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<2x3xf64>, tensor<3x4xf64>, tensor<2x4xf64>) -> tensor<2x4xf64>
  // expected-error@+1 {{shape (2, 4) expected, got (2, 5)}}
  %1 = "blas.gemm"(%a, %b, %d) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<2x3xf64>, tensor<3x4xf64>, tensor<2x5xf64>) -> tensor<2x5xf64>
  func.return
}

// -----

// In memory form.
func.func private @f(%x: memref<4xf64>, %s: f64, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.return
}
func.func private @g(%x: memref<4xf64> {dialectad.inout = 0 : i64}) attributes {dialectad.outs = 0 : i64} {
  func.return
}
func.func @in_memory(%x: memref<4xf64>, %s: f64, %y: memref<f64>) {
  "ad.vjp"(%x, %s, %y, %x, %y, %y) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, memref<4xf64>, memref<f64>, memref<f64>) -> ()
  "ad.jvp"(%x, %s, %y, %x, %s, %y) <{callee = @f, active = array<i64: 0, 1>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, memref<4xf64>, f64, memref<f64>) -> ()
  // expected-error@+1 {{seeds [1] aren't different positions among 1}}
  "ad.vjp"(%x, %s, %y, %x, %y) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 1>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  // expected-error@+1 {{active arguments [2] aren't different positions among 2}}
  "ad.jvp"(%x, %s, %y, %y, %y) <{callee = @f, active = array<i64: 2>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, memref<f64>, memref<f64>) -> ()
  // expected-error@+1 {{expected (memref<4xf64>, f64, memref<f64>, memref<f64>, memref<f64>)}}
  "ad.vjp"(%x, %s, %y, %s, %y) <{callee = @f, active = array<i64: 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, f64, memref<f64>) -> ()
  // expected-error@+1 {{@g writes into an argument}}
  "ad.jvp"(%x, %x) <{callee = @g, active = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// -----

func.func private @f(%x: f64) -> f64 {
  func.return %x : f64
}
func.func private @g(%x: f64) -> f64 {
  func.return %x : f64
}
func.func @runs(%x: f64, %i: i64, %c: i1) {
  // expected-error@+1 {{operands are (i64), expected (f64)}}
  %y, %run = "ad.augmented"(%i) <{callee = @f}> : (i64) -> (f64, !ad.run)
  // expected-error@+1 {{is of no run of @g in its block}}
  %dx = "ad.pullback"(%run, %x, %y, %x) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, f64, f64, f64) -> f64
  %z, %other = "ad.augmented"(%x) <{callee = @f}> : (f64) -> (f64, !ad.run)
  // expected-error@+1 {{operands are (!ad.run, f64, f64), expected (!ad.run, f64, f64, f64)}}
  %dx2 = "ad.pullback"(%other, %x, %z) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, f64, f64) -> f64
  // expected-error@+1 {{has several pullbacks}}
  %w, %third = "ad.augmented"(%x) <{callee = @f}> : (f64) -> (f64, !ad.run)
  %dx3 = "ad.pullback"(%third, %x, %w, %x) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, f64, f64, f64) -> f64
  scf.if %c {
    // expected-error@+1 {{is of no run of @f in its block}}
    %dx4 = "ad.pullback"(%third, %x, %w, %x) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, f64, f64, f64) -> f64
  }
  func.return
}
