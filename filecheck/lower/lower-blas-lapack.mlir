// RUN: dialectad-opt -p lower-blas --split-input-file %s | filecheck %s

// The exchanges are 32-bit integers, counted from 1, for LAPACK, and floats counted from 0 in the last row.
func.func @lu(%a: memref<3x3xf64>, %f: memref<4x3xf64>, %b: memref<2x3xf64>) {
  "lapack.getrf"(%f) : (memref<4x3xf64>) -> ()
  "lapack.getrs"(%a, %f, %b) : (memref<3x3xf64>, memref<4x3xf64>, memref<2x3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @lu
// CHECK:         memref.alloc() : memref<3xi32>
// CHECK:         func.call @LAPACKE_dgetrf_work(
// CHECK:         scf.for
// CHECK:           arith.sitofp
// CHECK:         scf.for
// CHECK:           arith.fptosi
// CHECK:         func.call @LAPACKE_dgetrs_work(
// CHECK:         func.func private @LAPACKE_dgetrf_work({{.*}}) -> i32

// -----

// Rows that aren't contiguous go through a copy.
func.func @gaps(%l: memref<3x3xf32>, %b: memref<2x3xf32, strided<[12, 2]>>) {
  "lapack.trtrs"(%l, %b) : (memref<3x3xf32>, memref<2x3xf32, strided<[12, 2]>>) -> ()
  func.return
}

// CHECK-LABEL: func.func @gaps
// CHECK:         %[[COPY:.*]] = memref.alloc() : memref<2x3xf32>
// CHECK:         "memref.copy"(%b, %[[COPY]])
// CHECK:         func.call @cblas_strsm(
// CHECK:         "memref.copy"(%[[COPY]], %b)

// -----

// Where there is no factor, a diagonal element of -1 says so.
func.func @cholesky(%a: memref<3x3xf64>) {
  "lapack.potrf"(%a) : (memref<3x3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @cholesky
// CHECK:         %[[INFO:.*]] = func.call @LAPACKE_dpotrf_work(
// CHECK:         linalg.generic
// CHECK:         arith.cmpi ne, %[[INFO]]
// CHECK:         scf.if
// CHECK:           memref.store

// -----

// LAPACK is asked how much memory it wants to work in, and decomposes a transposed copy.
func.func @singular_values(%a: memref<4x3xf64>, %s: memref<8x3xf64>) {
  "lapack.gesdd"(%a, %s) : (memref<4x3xf64>, memref<8x3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @singular_values
// CHECK:         linalg.generic
// CHECK:         func.call @LAPACKE_dgesdd_work(
// CHECK:         arith.fptosi
// CHECK:         %[[INFO:.*]] = func.call @LAPACKE_dgesdd_work(
// CHECK:         arith.cmpi ne, %[[INFO]]
// CHECK:         scf.if
// CHECK:           memref.store

// -----

func.func @triangle(%a: memref<4x3xf64>, %q: memref<7x3xf64>, %p: memref<3x4xf64>) {
  "lapack.geqrf"(%a, %q) : (memref<4x3xf64>, memref<7x3xf64>) -> ()
  "lapack.pinv"(%a, %p) : (memref<4x3xf64>, memref<3x4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @triangle
// CHECK:         func.call @LAPACKE_dgeqrf_work(
// CHECK:         func.call @LAPACKE_dorgqr_work(
// CHECK-NOT:     lapack.

// -----

// LAPACK gets the parts side by side. Rows stand for the conjugates of columns.
func.func @complex_solve(%a: memref<6x3xf64>, %f: memref<8x3xf64>, %b: memref<4x3xf64>) {
  "lapack.getrs"(%a, %f, %b) <{complex, trans}> : (memref<6x3xf64>, memref<8x3xf64>, memref<4x3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @complex_solve
// CHECK:         memref.alloc({{.*}}) : memref<?x?x?xf64>
// CHECK:         arith.negf
// CHECK:         arith.constant 67 : i32
// CHECK:         func.call @LAPACKE_zgetrs_work(
// CHECK:         arith.negf

// -----

// No vectors, if only values are asked for.
func.func @values(%a: memref<6x3xf32>, %e: memref<8x3xf32>) {
  "lapack.geev"(%a, %e) <{complex, real, values}> : (memref<6x3xf32>, memref<8x3xf32>) -> ()
  func.return
}

// CHECK-LABEL: func.func @values
// CHECK:         arith.constant 78 : i32
// CHECK-NEXT:    arith.constant 78 : i32
// CHECK:         func.call @LAPACKE_sgeev_work(
