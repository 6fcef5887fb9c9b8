// RUN: dialectad-opt -p differentiate,inline,canonicalize,cse,dce --split-input-file %s | filecheck %s

// A partial that is one costs nothing, a partial of minus one a negation; equal requests share a function.
func.func private @f(%x : f64, %y : f64) -> f64 {
  %s = arith.subf %x, %y : f64
  %r = math.sin %s : f64
  func.return %r : f64
}

func.func @partials(%x : f64, %y : f64, %dr : f64) -> (f64, f64, f64) {
  %r, %dx, %dy = "ad.vjp"(%x, %y, %dr) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64, f64) -> (f64, f64, f64)
  func.return %r, %dx, %dy : f64, f64, f64
}

// CHECK-LABEL: func.func @partials(
// CHECK-NEXT:    %[[S:.*]] = arith.subf %x, %y
// CHECK-NEXT:    %[[R:.*]] = math.sin %[[S]]
// CHECK-NEXT:    %[[C:.*]] = math.cos %[[S]]
// CHECK-NEXT:    %[[DX:.*]] = arith.mulf %dr, %[[C]]
// CHECK-NEXT:    %[[DY:.*]] = arith.negf %[[DX]]
// CHECK-NEXT:    func.return %[[R]], %[[DX]], %[[DY]]

// -----

// A product of matrices gives two products, and no other loops over matrices. The second contribution to
// %a goes into the first: beta = 1.
func.func private @f(%a : tensor<8x8xf64>, %b : tensor<8x8xf64>) -> tensor<8x8xf64> {
  %e = tensor.empty() : tensor<8x8xf64>
  %p = "blas.gemm"(%a, %b, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<8x8xf64>, tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
  %q = "blas.gemm"(%a, %p, %e) <{alpha = 2.0 : f64, beta = 0.0 : f64, trans_a}> : (tensor<8x8xf64>, tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
  func.return %q : tensor<8x8xf64>
}

func.func @products(%a : tensor<8x8xf64>, %b : tensor<8x8xf64>, %dq : tensor<8x8xf64>) -> (tensor<8x8xf64>, tensor<8x8xf64>, tensor<8x8xf64>) {
  %q, %da, %db = "ad.vjp"(%a, %b, %dq) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<8x8xf64>, tensor<8x8xf64>, tensor<8x8xf64>) -> (tensor<8x8xf64>, tensor<8x8xf64>, tensor<8x8xf64>)
  func.return %q, %da, %db : tensor<8x8xf64>, tensor<8x8xf64>, tensor<8x8xf64>
}

// CHECK-LABEL: func.func @products(
// CHECK-NEXT:    %[[E:.*]] = tensor.empty
// CHECK:         %[[P:.*]] = "blas.gemm"(%a, %b, %[[E]])
// CHECK:         %[[Q:.*]] = "blas.gemm"(%a, %[[P]], %{{.*}}trans_a
// CHECK:         %[[DA:.*]] = "blas.gemm"(%[[P]], %dq, %{{.*}}) <{alpha = 2.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_b}>
// CHECK:         %[[DP:.*]] = "blas.gemm"(%a, %dq, %{{.*}}) <{alpha = 2.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK:         %[[DA2:.*]] = "blas.gemm"(%[[DP]], %b, %[[DA]]) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_b}>
// CHECK:         %[[DB:.*]] = "blas.gemm"(%a, %[[DP]], %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_a}>
// CHECK-NOT:     linalg
// CHECK:         func.return %[[Q]], %[[DA2]], %[[DB]]

// -----

// Reading an element of %a and overwriting one of the loop's own state: nothing of the size of an array is
// made inside the reverse loop, and one scalar is cached per iteration.
func.func private @f(%a : tensor<9xf64>, %b : tensor<9xf64>) -> tensor<9xf64> {
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c1 to %c9 step %c1 iter_args(%s = %b) -> (tensor<9xf64>) {
    %j = arith.subi %i, %c1 : index
    %x = tensor.extract %a[%i] : tensor<9xf64>
    %y = tensor.extract %s[%j] : tensor<9xf64>
    %p = arith.mulf %x, %y : f64
    %t = tensor.insert %p into %s[%i] : tensor<9xf64>
    scf.yield %t : tensor<9xf64>
  }
  func.return %r : tensor<9xf64>
}

func.func @elements(%a : tensor<9xf64>, %b : tensor<9xf64>, %dr : tensor<9xf64>) -> (tensor<9xf64>, tensor<9xf64>, tensor<9xf64>) {
  %r, %da, %db = "ad.vjp"(%a, %b, %dr) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<9xf64>, tensor<9xf64>, tensor<9xf64>) -> (tensor<9xf64>, tensor<9xf64>, tensor<9xf64>)
  func.return %r, %da, %db : tensor<9xf64>, tensor<9xf64>, tensor<9xf64>
}

// CHECK-LABEL: func.func @elements(
// CHECK:         %[[C:.*]] = "ad.cache"(%{{.*}}) {{{.*}}} : (index) -> !ad.cache<f64>
// CHECK-NOT:     "ad.cache"
// CHECK:         scf.for
// CHECK:           %[[Y:.*]] = tensor.extract %s[
// CHECK-NEXT:      "ad.push"(%[[C]], %[[Y]])
// CHECK:         tensor.splat
// CHECK:         scf.for
// CHECK-NOT:       tensor.splat
// CHECK-NOT:       tensor.empty
// CHECK:           "ad.pop"(%[[C]])
// CHECK-NOT:       arith.addf %{{.*}} : tensor
// CHECK:           scf.yield

// -----

// The iterations of a `while` are counted, and the caches grow.
func.func private @f(%x : f64) -> f64 {
  %limit = arith.constant 10.0 : f64
  %r = scf.while (%a = %x) : (f64) -> f64 {
    %go = arith.cmpf olt, %a, %limit : f64
    scf.condition(%go) %a : f64
  } do {
  ^bb0(%a : f64):
    %e = math.exp %a : f64
    scf.yield %e : f64
  }
  func.return %r : f64
}

func.func @counted(%x : f64, %dr : f64) -> (f64, f64) {
  %r, %dx = "ad.vjp"(%x, %dr) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %r, %dx : f64, f64
}

// CHECK-LABEL: func.func @counted(
// CHECK:         %[[C:.*]] = "ad.cache"() {{{.*}}} : () -> !ad.cache<f64>
// CHECK:         %[[R:[a-z0-9_]+]], %[[N:[a-z0-9_]+]] = scf.while
// CHECK:           "ad.push"(%[[C]], %{{.*}})
// CHECK:         %[[DX:.*]] = scf.for %{{.*}} = %{{.*}} to %[[N]] step %{{.*}} iter_args(%[[D:.*]] = %dr)
// CHECK-NEXT:      %[[E:.*]] = "ad.pop"(%[[C]])
// CHECK-NEXT:      %[[DA:.*]] = arith.mulf %[[D]], %[[E]]
// CHECK-NEXT:      scf.yield %[[DA]]
// CHECK:         func.return %[[R]], %[[DX]]

// -----

// A branch that changes nothing yields what came in.
func.func private @f(%x : f64, %c : i1) -> f64 {
  %r = scf.if %c -> (f64) {
    %e = math.exp %x : f64
    scf.yield %e : f64
  } else {
    scf.yield %x : f64
  }
  func.return %r : f64
}

func.func @branch(%x : f64, %c : i1, %dr : f64) -> (f64, f64) {
  %r, %dx = "ad.vjp"(%x, %c, %dr) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, i1, f64) -> (f64, f64)
  func.return %r, %dx : f64, f64
}

// CHECK-LABEL: func.func @branch(
// CHECK:         %[[DX:.*]] = scf.if %c -> (f64) {
// CHECK:           %[[E:.*]] = "ad.pop"
// CHECK-NEXT:      %[[D:.*]] = arith.mulf %dr, %[[E]]
// CHECK-NEXT:      scf.yield %[[D]]
// CHECK-NEXT:    } else {
// CHECK-NEXT:      scf.yield %dr

// -----

// linalg.generic: the body's derivative, with the map of the operand as the map of the result.
#m = affine_map<(i, j) -> (i, j)>
#v = affine_map<(i, j) -> (j)>
func.func private @f(%a : tensor<2x3xf64>, %b : tensor<3xf64>) -> tensor<2x3xf64> {
  %e = tensor.empty() : tensor<2x3xf64>
  %r = linalg.generic {indexing_maps = [#m, #v, #m], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<2x3xf64>, tensor<3xf64>) outs(%e : tensor<2x3xf64>) {
  ^bb0(%x : f64, %y : f64, %o : f64):
    %p = arith.mulf %x, %y : f64
    linalg.yield %p : f64
  } -> tensor<2x3xf64>
  func.return %r : tensor<2x3xf64>
}

func.func @generic(%a : tensor<2x3xf64>, %b : tensor<3xf64>, %dr : tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<3xf64>) {
  %r, %da, %db = "ad.vjp"(%a, %b, %dr) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<2x3xf64>, tensor<3xf64>, tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>, tensor<3xf64>)
  func.return %da, %db : tensor<2x3xf64>, tensor<3xf64>
}

// CHECK-LABEL: func.func @generic(
// CHECK:         %[[DA:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%b, %dr
// CHECK:         %[[DB:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "parallel"]} ins(%a, %dr
// CHECK:         func.return %[[DA]], %[[DB]]

// -----

// A request in the function that a request names is replaced first.
func.func private @f(%x : f64) -> f64 {
  %y = arith.mulf %x, %x : f64
  func.return %y : f64
}

func.func private @g(%x : f64, %one : f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %one) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}

func.func @nested(%x : f64, %one : f64, %tx : f64) -> f64 {
  %y, %ty = "ad.jvp"(%x, %one, %tx) <{callee = @g, active = array<i64: 0>, level = "linalg"}> : (f64, f64, f64) -> (f64, f64)
  func.return %ty : f64
}

// CHECK-LABEL: func.func @nested(
// CHECK-NEXT:    %[[T:.*]] = arith.mulf %tx, %one
// CHECK-NEXT:    %[[U:.*]] = arith.addf %[[T]], %[[T]]
// CHECK-NEXT:    func.return %[[U]]

// -----

// No derivative flows through a stopped value; the op itself is gone afterwards.
func.func private @f(%x : f64) -> f64 {
  %s = "ad.stop"(%x) : (f64) -> f64
  %r = arith.mulf %x, %s : f64
  func.return %r : f64
}

func.func @stopped(%x : f64, %dr : f64) -> (f64, f64) {
  %r, %dx = "ad.vjp"(%x, %dr) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %r, %dx : f64, f64
}

// CHECK-LABEL: func.func @stopped(
// CHECK-NEXT:    %[[R:.*]] = arith.mulf %x, %x
// CHECK-NEXT:    %[[DX:.*]] = arith.mulf %dr, %x
// CHECK-NEXT:    func.return %[[R]], %[[DX]]

// -----

// The derivative of the sine is the cosine that the loop computes anyway, and so the other way round. Of both the
// derivative of the iteration is made, and cached, so the reverse loop is a chain of products.
func.func private @f(%x : f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%s = %x) -> (f64) {
    %a = math.sin %s : f64
    %b = math.cos %s : f64
    %y = arith.mulf %a, %b : f64
    scf.yield %y : f64
  }
  func.return %r : f64
}

func.func @known(%x : f64, %dr : f64) -> (f64, f64) {
  %r, %dx = "ad.vjp"(%x, %dr) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %r, %dx : f64, f64
}

// CHECK-LABEL: func.func @known(
// CHECK:         scf.for
// CHECK:           %[[A:.*]] = math.sin
// CHECK-NEXT:      %[[B:.*]] = math.cos
// CHECK-NEXT:      %[[Y:.*]] = arith.mulf %[[A]], %[[B]]
// CHECK-NEXT:      %[[N:.*]] = arith.negf %[[A]]
// CHECK-NEXT:      %[[P:.*]] = arith.mulf %[[A]], %[[N]]
// CHECK-NEXT:      %[[Q:.*]] = arith.mulf %[[B]], %[[B]]
// CHECK-NEXT:      %[[D:.*]] = arith.addf %[[P]], %[[Q]]
// CHECK-NEXT:      "ad.push"(%{{.*}}, %[[D]])
// CHECK:         scf.for %{{.*}} iter_args(%[[DR:.*]] = %dr)
// CHECK-NEXT:      %[[POP:.*]] = "ad.pop"
// CHECK:           %[[INFINITE:.*]] = arith.cmpf oeq, %{{.*}}, %{{.*}}
// CHECK-NEXT:      %[[ZERO:.*]] = arith.cmpf oeq, %[[DR]], %{{.*}}
// CHECK-NEXT:      %[[NOTHING:.*]] = arith.andi %[[INFINITE]], %[[ZERO]]
// CHECK-NEXT:      %[[PRODUCT:.*]] = arith.mulf %[[DR]], %[[POP]]
// CHECK-NEXT:      %[[DX:.*]] = arith.select %[[NOTHING]], %{{.*}}, %[[PRODUCT]]
// CHECK-NEXT:      scf.yield %[[DX]]
