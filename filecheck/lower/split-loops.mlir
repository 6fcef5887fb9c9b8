// RUN: dialectad-opt -p split-loops --split-input-file %s | filecheck %s

// What all iterations read is written where %j is %k; before and after that they are independent.
func.func @row(%d: memref<64x64xf64>, %i: index, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %j = %c0 to %c64 step %c1 {
    %x = memref.load %d[%i, %k] : memref<64x64xf64>
    %y = memref.load %d[%i, %j] : memref<64x64xf64>
    %z = arith.mulf %x, %y : f64
    memref.store %z, %d[%i, %j] : memref<64x64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @row(
// CHECK:           %[[LAST:.*]] = arith.minsi %k, %c64 : index
// CHECK:           %[[NEXT:.*]] = arith.maxsi %{{.*}}, %c0 : index
// CHECK:           scf.for %[[J:.*]] = %c0 to %[[LAST]]
// CHECK:             memref.store %{{.*}}, %d[%i, %[[J]]]
// CHECK:           scf.if
// CHECK:             memref.store %{{.*}}, %d[%i, %k]
// CHECK:           scf.for %[[J:.*]] = %[[NEXT]] to %c64
// CHECK:             memref.store %{{.*}}, %d[%i, %[[J]]]

// -----

// Every iteration needs the one before.
func.func @recurrence(%d: memref<64xf64>) {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %j = %c1 to %c64 step %c1 {
    %i = arith.subi %j, %c1 : index
    %x = memref.load %d[%i] : memref<64xf64>
    memref.store %x, %d[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @recurrence(
// CHECK:           scf.for
// CHECK-NOT:       scf.for
