// RUN: dialectad-opt -p mark-parallel,run-forward --split-input-file %s | filecheck %s

func.func @backwards(%a: memref<64xf64>, %n: index) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c63 = arith.constant 63 : index
  %zero = arith.constant 0.0 : f64
  %r = scf.for %j = %c0 to %n step %c1 iter_args(%s = %zero) -> (f64) {
    %i = arith.subi %c63, %j : index
    %x = memref.load %a[%i] : memref<64xf64>
    memref.store %zero, %a[%i] : memref<64xf64>
    %t = arith.addf %s, %x : f64
    scf.yield %t : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @backwards(
// CHECK:           %[[LAST:.*]] = arith.addi %{{.*}}, %{{.*}} : index
// CHECK:           scf.for %[[J:.*]] = %c0 to %n
// CHECK:             %[[I:.*]] = arith.subi %[[LAST]], %[[J]] : index
// CHECK:             arith.subi %c63, %[[I]] : index

// -----

// The product of what was carried and an element depends on the order.
func.func @ordered(%a: memref<64xf64>, %n: index) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c63 = arith.constant 63 : index
  %one = arith.constant 1.0 : f64
  %r = scf.for %j = %c0 to %n step %c1 iter_args(%s = %one) -> (f64) {
    %i = arith.subi %c63, %j : index
    %x = memref.load %a[%i] : memref<64xf64>
    memref.store %s, %a[%i] : memref<64xf64>
    %t = arith.addf %s, %x : f64
    scf.yield %t : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @ordered(
// CHECK:           scf.for
// CHECK-NEXT:        arith.subi %c63, %j
