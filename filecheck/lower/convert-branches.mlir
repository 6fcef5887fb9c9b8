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

// -----

// Functions of libm are called for all, where they aren't wanted on an argument that they are quick at; the
// inner branch first.
func.func @calls(%a: memref<64xf64>, %r: memref<64xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %low = arith.constant -1.0 : f64
  %high = arith.constant 2.0 : f64
  scf.for %j = %c0 to %c64 step %c1 {
    %x = memref.load %a[%j] : memref<64xf64>
    %t = arith.cmpf olt, %x, %low : f64
    %v = scf.if %t -> (f64) {
      %e = math.exp %x : f64
      scf.yield %e : f64
    } else {
      %s = arith.cmpf ogt, %x, %high : f64
      %w = scf.if %s -> (f64) {
        %l = math.log %x : f64
        scf.yield %l : f64
      } else {
        scf.yield %x : f64
      }
      scf.yield %w : f64
    }
    memref.store %v, %r[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @calls(
// CHECK-NOT:       scf.if
// CHECK:             %[[FOR_EXP:.*]] = arith.select %t, %x, %{{.*}}
// CHECK-NEXT:        %[[E:.*]] = math.exp %[[FOR_EXP]]
// CHECK:             %[[WANTED:.*]] = arith.select %s, %x, %{{.*}}
// CHECK:             %[[FOR_LOG:.*]] = arith.select %{{.*}}, %[[WANTED]], %{{.*}}
// CHECK-NEXT:        %[[L:.*]] = math.log %[[FOR_LOG]]
// CHECK:             %[[W:.*]] = arith.select %s, %[[L]], %x
// CHECK:             %[[V:.*]] = arith.select %t, %[[E]], %[[W]]
// CHECK:             memref.store %[[V]], %r[%j]

// -----

// Four calls are too many.
func.func @many_calls(%a: memref<64xf64>, %r: memref<64xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %low = arith.constant -1.0 : f64
  scf.for %j = %c0 to %c64 step %c1 {
    %x = memref.load %a[%j] : memref<64xf64>
    %t = arith.cmpf olt, %x, %low : f64
    %v = scf.if %t -> (f64) {
      %e = math.exp %x : f64
      %f = math.sin %e : f64
      scf.yield %f : f64
    } else {
      %g = math.tanh %x : f64
      %h = math.cos %g : f64
      scf.yield %h : f64
    }
    memref.store %v, %r[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @many_calls(
// CHECK:           scf.if
