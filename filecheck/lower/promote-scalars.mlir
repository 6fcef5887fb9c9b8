// RUN: dialectad-opt -p promote-scalars --split-input-file %s | filecheck %s

// Below the diagonal of one array: %k < %j, so the element is none of those that are read.
func.func @dot(%a: memref<64x64xf64>, %i: index, %j: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %k = %c0 to %j step %c1 {
    %x = memref.load %a[%i, %k] : memref<64x64xf64>
    %y = memref.load %a[%i, %j] : memref<64x64xf64>
    %z = arith.subf %y, %x : f64
    memref.store %z, %a[%i, %j] : memref<64x64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @dot(
// CHECK:           %[[RUNS:.*]] = arith.cmpi slt, %c0, %j : index
// CHECK:           %[[FIRST:.*]] = scf.if %[[RUNS]] -> (f64) {
// CHECK:             memref.load %a[%i, %j]
// CHECK:           %[[LAST:.*]] = scf.for %{{.*}} = %c0 to %j {{.*}}iter_args(%[[Y:.*]] = %[[FIRST]])
// CHECK-NOT:         memref.store
// CHECK:             %[[Z:.*]] = arith.subf %[[Y]], %{{.*}}
// CHECK:             scf.yield %[[Z]]
// CHECK:           scf.if %[[RUNS]] {
// CHECK:             memref.store %[[LAST]], %a[%i, %j]

// -----

// The element is one of those that are read.
func.func @meets(%a: memref<64xf64>, %j: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %k = %c0 to %c64 step %c1 {
    %x = memref.load %a[%k] : memref<64xf64>
    memref.store %x, %a[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @meets(
// CHECK:             memref.load %a[%k]
// CHECK:             memref.store %{{.*}}, %a[%j]
