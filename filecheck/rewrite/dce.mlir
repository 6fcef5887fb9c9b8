// RUN: dialectad-opt -p dce %s | filecheck %s

// CHECK-LABEL: func.func @pure
// CHECK-NEXT:    func.return
func.func @pure(%a: tensor<3x4xf64>) {
  %e = tensor.empty() : tensor<4x3xf64>
  %t = linalg.transpose ins(%a : tensor<3x4xf64>) outs(%e : tensor<4x3xf64>) permutation = [1, 0]
  %g = tensor.empty() : tensor<3x3xf64>
  %r = "blas.gemm"(%a, %t, %g) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<3x4xf64>, tensor<4x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
  func.return
}

// A loop-carried value that only feeds itself.
// CHECK-LABEL: func.func @carried
// CHECK:         %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
// CHECK-NEXT:      %a2 = arith.addf %a, %x : f64
// CHECK-NEXT:      scf.yield %a2 : f64
func.func @carried(%n: index, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r, %s = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %x) -> (f64, f64) {
    %a2 = arith.addf %a, %x : f64
    %b2 = arith.mulf %b, %b : f64
    scf.yield %a2, %b2 : f64, f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @if_result
// CHECK:         scf.if %c -> (f64) {
// CHECK-NEXT:      scf.yield %x : f64
func.func @if_result(%c: i1, %x: f64) -> f64 {
  %r, %s = scf.if %c -> (f64, f64) {
    %e = math.exp %x : f64
    scf.yield %x, %e : f64, f64
  } else {
    scf.yield %x, %x : f64, f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @while_argument
// CHECK:         scf.while (%i = %n) : (index) -> index {
func.func @while_argument(%n: index, %x: f64) -> index {
  %c1 = arith.constant 1 : index
  %r, %s = scf.while (%i = %n, %a = %x) : (index, f64) -> (index, f64) {
    %c = arith.cmpi slt, %i, %n : index
    scf.condition(%c) %i, %a : index, f64
  } do {
  ^bb0(%i: index, %a: f64):
    %j = arith.addi %i, %c1 : index
    %b = arith.addf %a, %a : f64
    scf.yield %j, %b : index, f64
  }
  func.return %r : index
}

// CHECK-LABEL: func.func @effects_stay
// CHECK:         scf.for
// CHECK:           cf.assert
func.func @effects_stay(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %c = arith.cmpi slt, %i, %n : index
    cf.assert %c, "IndexError: no"
  }
  func.return
}

// A cache from which nothing live is popped goes, with what is pushed.
// CHECK-LABEL: func.func @cache
// CHECK-NEXT:    func.return %x : f64
func.func @cache(%x: f64) -> f64 {
  %c = "ad.cache"() : () -> !ad.cache<f64>
  %e = math.exp %x : f64
  "ad.push"(%c, %e) : (!ad.cache<f64>, f64) -> ()
  %p = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  func.return %x : f64
}

// One that is used stays aligned.
// CHECK-LABEL: func.func @live_cache
// CHECK-COUNT-2: ad.push
// CHECK-COUNT-2: ad.pop
func.func @live_cache(%x: f64) -> f64 {
  %c = "ad.cache"() : () -> !ad.cache<f64>
  "ad.push"(%c, %x) : (!ad.cache<f64>, f64) -> ()
  "ad.push"(%c, %x) : (!ad.cache<f64>, f64) -> ()
  %p = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  %q = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  func.return %q : f64
}

// CHECK-NOT: @unused
func.func private @unused(%x: f64) -> f64 {
  func.return %x : f64
}
