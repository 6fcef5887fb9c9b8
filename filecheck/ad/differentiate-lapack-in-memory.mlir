// RUN: dialectad-opt -p "number-buffers,differentiate{level=loop},inline,canonicalize,cse,dce" --split-input-file %s | filecheck %s

// The shadow of what is written over has the result's cotangent before, and that of what was there after.
func.func private @f(%a: memref<3x3xf64>, %m: memref<4x3xf64>, %b: memref<2x3xf64>, %x: memref<2x3xf64>) attributes {dialectad.outs = 1 : i64} {
  "memref.copy"(%b, %x) : (memref<2x3xf64>, memref<2x3xf64>) -> ()
  "lapack.getrs"(%a, %m, %x) : (memref<3x3xf64>, memref<4x3xf64>, memref<2x3xf64>) -> ()
  func.return
}

func.func @solve(%a: memref<3x3xf64>, %m: memref<4x3xf64>, %b: memref<2x3xf64>, %x: memref<2x3xf64>, %da: memref<3x3xf64>, %db: memref<2x3xf64>, %dx: memref<2x3xf64>) {
  "ad.vjp"(%a, %m, %b, %x, %da, %db, %dx) <{callee = @f, active = array<i64: 0, 2>, seeds = array<i64: 0>, level = "loop"}> : (memref<3x3xf64>, memref<4x3xf64>, memref<2x3xf64>, memref<2x3xf64>, memref<3x3xf64>, memref<2x3xf64>, memref<2x3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @solve(
// CHECK:         "lapack.getrs"(%a, %m, %x)
// CHECK:         "memref.copy"(%dx, %[[NEW:[0-9]+]])
// CHECK-NEXT:    "lapack.getrs"(%a, %m, %[[NEW]]) <{trans}>
// CHECK:         "blas.gemm"(%[[NEW]], %x, %da) <{alpha = -1.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a}>
// CHECK:         "memref.copy"(%[[NEW]], %dx)
// CHECK:         memref.dealloc %[[NEW]]

// -----

// The decomposition of memory adds to the shadow of that.
func.func private @g(%x: memref<3x3xf64>, %y: memref<3x3xf64>) attributes {dialectad.outs = 1 : i64} {
  %e = memref.alloc() : memref<4x3xf64>
  "lapack.syevd"(%x, %e) : (memref<3x3xf64>, memref<4x3xf64>) -> ()
  %w = memref.subview %e[0, 0] [3, 3] [1, 1] : memref<4x3xf64> to memref<3x3xf64, strided<[3, 1]>>
  "memref.copy"(%w, %y) : (memref<3x3xf64, strided<[3, 1]>>, memref<3x3xf64>) -> ()
  memref.dealloc %e : memref<4x3xf64>
  func.return
}

func.func @vectors(%x: memref<3x3xf64>, %y: memref<3x3xf64>, %dx: memref<3x3xf64>, %dy: memref<3x3xf64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<3x3xf64>, memref<3x3xf64>, memref<3x3xf64>, memref<3x3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @vectors(
// CHECK:         "lapack.syevd"(%x, %[[E:.*]])
// CHECK:         "blas.gemm"({{.*}}, {{.*}}, %dx) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64}>
