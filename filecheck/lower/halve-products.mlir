// RUN: dialectad-opt -p halve-products --split-input-file %s | filecheck %s

// CHECK-LABEL: func.func @outer
// CHECK-NEXT:    "blas.syrk"(%a, %c) <{alpha = 2.000000e+00 : f64}> : (memref<96x40xf64>, memref<96x96xf64>) -> ()
func.func @outer(%a: memref<96x40xf64>, %c: memref<96x96xf64>) {
  "blas.gemm"(%a, %a, %c) <{alpha = 2.0 : f64, beta = 0.0 : f64, trans_b}> : (memref<96x40xf64>, memref<96x40xf64>, memref<96x96xf64>) -> ()
  func.return
}

// -----

// CHECK-LABEL: func.func @inner
// CHECK-NEXT:    "blas.syrk"(%a, %c) <{alpha = 1.000000e+00 : f64, trans}>
func.func @inner(%a: memref<40x96xf64>, %c: memref<96x96xf64>) {
  "blas.gemm"(%a, %a, %c) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans_a}> : (memref<40x96xf64>, memref<40x96xf64>, memref<96x96xf64>) -> ()
  func.return
}

// -----

// What is added to needn't be symmetric, another matrix isn't, and a square isn't; small ones don't pay.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-5: "blas.gemm"
func.func @others(%a: memref<96x96xf64>, %b: memref<96x96xf64>, %c: memref<96x96xf64>, %d: memref<40x40xf64>, %e: memref<40x40xf64>, %f: memref<96x16xf64>) {
  "blas.gemm"(%a, %a, %c) <{alpha = 1.0 : f64, beta = 1.0 : f64, trans_a}> : (memref<96x96xf64>, memref<96x96xf64>, memref<96x96xf64>) -> ()
  "blas.gemm"(%a, %b, %c) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans_a}> : (memref<96x96xf64>, memref<96x96xf64>, memref<96x96xf64>) -> ()
  "blas.gemm"(%a, %a, %c) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (memref<96x96xf64>, memref<96x96xf64>, memref<96x96xf64>) -> ()
  "blas.gemm"(%d, %d, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans_a}> : (memref<40x40xf64>, memref<40x40xf64>, memref<40x40xf64>) -> ()
  "blas.gemm"(%f, %f, %c) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans_b}> : (memref<96x16xf64>, memref<96x16xf64>, memref<96x96xf64>) -> ()
  func.return
}

// -----

// The derivative of a product is made of products.
// CHECK-LABEL: func.func @before_a_derivative
// CHECK:         "blas.gemm"
func.func @before_a_derivative(%a: memref<96x40xf64>, %c: memref<96x96xf64>, %x: f64, %d: f64) -> f64 {
  "blas.gemm"(%a, %a, %c) <{alpha = 2.0 : f64, beta = 0.0 : f64, trans_b}> : (memref<96x40xf64>, memref<96x40xf64>, memref<96x96xf64>) -> ()
  %y, %dx = "ad.vjp"(%x, %d) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}
func.func @g(%x: f64) -> f64 {
  func.return %x : f64
}
