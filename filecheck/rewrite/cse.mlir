// RUN: dialectad-opt -p cse %s | filecheck %s

// CHECK-LABEL: func.func @commuted
// CHECK-NEXT:    %a = arith.addf %x, %y : f64
// CHECK-NEXT:    func.return %a, %a : f64, f64
func.func @commuted(%x: f64, %y: f64) -> (f64, f64) {
  %a = arith.addf %x, %y : f64
  %b = arith.addf %y, %x : f64
  func.return %a, %b : f64, f64
}

// Zeros of either sign are equal, but not the same.
// CHECK-LABEL: func.func @signed_zeros
// CHECK-NEXT:    arith.constant 0.000000e+00
// CHECK-NEXT:    arith.constant -0.000000e+00
func.func @signed_zeros() -> (f64, f64) {
  %a = arith.constant 0.0 : f64
  %b = arith.constant -0.0 : f64
  func.return %a, %b : f64, f64
}

// CHECK-LABEL: func.func @into_regions
// CHECK:         math.exp
// CHECK-NOT:     math.exp
func.func @into_regions(%c: i1, %x: f64) -> (f64, f64) {
  %a = math.exp %x : f64
  %r = scf.if %c -> (f64) {
    %b = math.exp %x : f64
    scf.yield %b : f64
  } else {
    scf.yield %x : f64
  }
  func.return %a, %r : f64, f64
}

// What is known in a branch isn't known after it.
// CHECK-LABEL: func.func @not_out_of_regions
// CHECK:         math.exp
// CHECK:         math.exp
func.func @not_out_of_regions(%c: i1, %x: f64) -> (f64, f64) {
  %r = scf.if %c -> (f64) {
    %b = math.exp %x : f64
    scf.yield %b : f64
  } else {
    scf.yield %x : f64
  }
  %a = math.exp %x : f64
  func.return %a, %r : f64, f64
}

// Two places to write to stay two, but don't keep two equal computations apart.
// CHECK-LABEL: func.func @generics
// CHECK:         tensor.empty
// CHECK-NEXT:    tensor.empty
// CHECK-NEXT:    %a = linalg.generic
// CHECK-NOT:     linalg.generic
// CHECK:         func.return %a, %a
func.func @generics(%x: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %e = tensor.empty() : tensor<4xf64>
  %f = tensor.empty() : tensor<4xf64>
  %a = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf64>) outs(%e : tensor<4xf64>) {
  ^bb0(%p: f64, %q: f64):
    %s = arith.mulf %p, %p : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %b = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf64>) outs(%f : tensor<4xf64>) {
  ^bb0(%p: f64, %q: f64):
    %s = arith.mulf %p, %p : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  func.return %a, %b : tensor<4xf64>, tensor<4xf64>
}

// CHECK-LABEL: func.func @assertions
// CHECK-NEXT:    cf.assert %c, "ValueError: one"
// CHECK-NEXT:    cf.assert %d, "ValueError: one"
// CHECK-NEXT:    func.return
func.func @assertions(%c: i1, %d: i1) {
  cf.assert %c, "ValueError: one"
  cf.assert %c, "ValueError: two"
  cf.assert %d, "ValueError: one"
  func.return
}
