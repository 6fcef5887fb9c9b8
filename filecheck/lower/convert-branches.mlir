// RUN: dialectad-opt -p convert-branches --split-input-file %s | filecheck %s

// In bounds by its loop, so read and written in every iteration.
func.func @taken(%a: memref<64xf64>, %c: memref<64xi1>, %r: memref<64xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f64
  scf.for %j = %c0 to %c64 step %c1 {
    %t = memref.load %c[%j] : memref<64xi1>
    %v = scf.if %t -> (f64) {
      %x = memref.load %a[%j] : memref<64xf64>
      memref.store %zero, %a[%j] : memref<64xf64>
      scf.yield %x : f64
    } else {
      scf.yield %zero : f64
    }
    memref.store %v, %r[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @taken(
// CHECK-NOT:       scf.if
// CHECK:             %[[X:.*]] = memref.load %a[%j]
// CHECK:             %[[OLD:.*]] = memref.load %a[%j] {dialectad.frozen}
// CHECK:             %[[NEW:.*]] = arith.select %t, %zero, %[[OLD]]
// CHECK:             memref.store %[[NEW]], %a[%j]
// CHECK:             %[[V:.*]] = arith.select %t, %[[X]], %zero
// CHECK:             memref.store %[[V]], %r[%j]

// -----

// The condition may be what keeps the index in bounds.
func.func @guarded(%a: memref<64xf64>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f64
  scf.for %j = %c0 to %n step %c1 {
    %t = arith.cmpi slt, %j, %c64 : index
    scf.if %t {
      memref.store %zero, %a[%j] : memref<64xf64>
    }
  }
  func.return
}

// CHECK-LABEL: func.func @guarded(
// CHECK:           scf.if
