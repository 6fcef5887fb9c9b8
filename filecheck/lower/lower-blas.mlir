// RUN: dialectad-opt -p lower-blas --split-input-file %s | filecheck %s

func.func @large(%a: memref<64x48xf64>, %b: memref<48x32xf64>, %c: memref<64x32xf64>) {
  "blas.gemm"(%a, %b, %c) <{alpha = 2.0 : f64, beta = 0.0 : f64}> : (memref<64x48xf64>, memref<48x32xf64>, memref<64x32xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @large
// CHECK:         "memref.cast"(%a) : (memref<64x48xf64>) -> memref<*xf64>
// CHECK:         func.call @cblas_dgemm({{.*}}) : (i32, i32, i32, i32, i32, i32, f64, memref<*xf64>, i32, memref<*xf64>, i32, f64, memref<*xf64>, i32) -> ()
// CHECK:         func.func private @cblas_dgemm(

// -----

func.func @small(%a: memref<3x4xf64>, %b: memref<4x2xf64>, %c: memref<3x2xf64>) {
  "blas.gemm"(%a, %b, %c) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (memref<3x4xf64>, memref<4x2xf64>, memref<3x2xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @small
// CHECK:         linalg.fill
// CHECK:         linalg.generic
// CHECK-NOT:     func.call

// -----

// BLAS wants rows without gaps inside: loops, also for a large one.
func.func @gaps(%a: memref<64x64xf64, strided<[256, 2]>>, %x: memref<64xf64>, %y: memref<64xf64>) {
  "blas.gemv"(%a, %x, %y) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (memref<64x64xf64, strided<[256, 2]>>, memref<64xf64>, memref<64xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @gaps
// CHECK-NOT:     func.call
// CHECK:         linalg.generic

// -----

// With single precision and a leading dimension known at run time.
func.func @dynamic(%a: memref<?x?xf32>, %x: memref<?xf32>, %y: memref<?xf32>) {
  "blas.gemv"(%a, %x, %y) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (memref<?x?xf32>, memref<?xf32>, memref<?xf32>) -> ()
  func.return
}

// CHECK-LABEL: func.func @dynamic
// CHECK:         linalg.fill
// CHECK:         memref.extract_strided_metadata %a
// CHECK:         func.call @cblas_sgemv
