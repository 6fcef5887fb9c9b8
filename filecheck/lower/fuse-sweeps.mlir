// RUN: dialectad-opt -p fuse-sweeps --split-input-file %s | filecheck %s

// Iterations that meet only in sums: the reverse of each follows at once, and what was cached is at hand. The
// store of the total, which nothing in the reverse loop needs, goes behind.
func.func @each(%x: memref<8xf64>, %y: memref<f64>, %dx: memref<8xf64>, %dy: f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f64
  %c = "ad.cache"(%c8) {dialectad.mirrored} : (index) -> !ad.cache<f64>
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%t = %zero) -> (f64) {
    %v = memref.load %x[%i] : memref<8xf64>
    %e = math.exp %v : f64
    "ad.push"(%c, %e) : (!ad.cache<f64>, f64) -> ()
    %u = arith.addf %t, %e : f64
    scf.yield %u : f64
  }
  memref.store %r, %y[] : memref<f64>
  scf.for %k = %c0 to %c8 step %c1 {
    %i = arith.subi %c7, %k : index
    %e = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    %p = arith.mulf %dy, %e : f64
    %d = memref.load %dx[%i] : memref<8xf64>
    %s = arith.addf %d, %p : f64
    memref.store %s, %dx[%i] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @each(
// CHECK-NOT:     "ad.cache"
// CHECK:         %[[R:.*]] = scf.for %[[I:.*]] = %c0 to %c8
// CHECK-NEXT:      %[[V:.*]] = memref.load %x[%[[I]]]
// CHECK-NEXT:      %[[E:.*]] = math.exp %[[V]]
// CHECK-NEXT:      %[[U:.*]] = arith.addf %{{.*}}, %[[E]]
// CHECK:           %[[P:.*]] = arith.mulf %dy, %[[E]]
// CHECK-NEXT:      %[[D:.*]] = memref.load %dx[%[[I]]]
// CHECK-NEXT:      %[[S:.*]] = arith.addf %[[D]], %[[P]]
// CHECK-NEXT:      memref.store %[[S]], %dx[%[[I]]]
// CHECK-NEXT:      scf.yield %[[U]]
// CHECK-NEXT:    }
// CHECK-NEXT:    memref.store %[[R]], %y[]
// CHECK-NEXT:    func.return

// -----

// Branches on one condition become one, so what one pushes the other finds there.
func.func @branches(%x: memref<8xf64>, %dx: memref<8xf64>, %dy: f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f64
  %c = "ad.cache"(%c8) {dialectad.mirrored} : (index) -> !ad.cache<f64>
  scf.for %i = %c0 to %c8 step %c1 {
    %v = memref.load %x[%i] : memref<8xf64>
    %b = arith.cmpf olt, %v, %zero : f64
    scf.if %b {
      %e = math.exp %v : f64
      "ad.push"(%c, %e) : (!ad.cache<f64>, f64) -> ()
    }
  }
  scf.for %k = %c0 to %c8 step %c1 {
    %last = arith.subi %c8, %c1 : index
    %i = arith.subi %last, %k : index
    %v = memref.load %x[%i] : memref<8xf64>
    %b = arith.cmpf olt, %v, %zero : f64
    %d = scf.if %b -> (f64) {
      %e = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
      %p = arith.mulf %dy, %e : f64
      scf.yield %p : f64
    } else {
      scf.yield %dy : f64
    }
    memref.store %d, %dx[%i] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @branches(
// CHECK-NOT:     "ad.cache"
// CHECK:         scf.for %[[I:.*]] = %c0 to %c8
// CHECK:           %[[B:.*]] = arith.cmpf
// CHECK:           %[[D:.*]] = scf.if %[[B]] -> (f64) {
// CHECK-NEXT:        %[[E:.*]] = math.exp
// CHECK-NEXT:        %[[P:.*]] = arith.mulf %dy, %[[E]]
// CHECK-NEXT:        scf.yield %[[P]]
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %dy
// CHECK-NEXT:      }
// CHECK-NEXT:      memref.store %[[D]], %dx[%[[I]]]
// CHECK-NOT:     scf.for

// -----

// The cotangent %d of what the loop carries goes from one iteration to the one before: no fusion.
func.func @recurrence(%x: memref<8xf64>, %dx: memref<8xf64>, %dy: f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c = "ad.cache"(%c8) {dialectad.mirrored} : (index) -> !ad.cache<f64>
  scf.for %i = %c0 to %c8 step %c1 {
    %v = memref.load %x[%i] : memref<8xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }
  %r = scf.for %k = %c0 to %c8 step %c1 iter_args(%d = %dy) -> (f64) {
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    %p = arith.mulf %d, %v : f64
    scf.yield %p : f64
  }
  memref.store %r, %dx[%c0] : memref<8xf64>
  func.return
}

// CHECK-LABEL: func.func @recurrence(
// CHECK:         "ad.push"
// CHECK:         scf.for
// CHECK:         "ad.pop"

// -----

// The reverse loop overwrites one element again and again: which iteration comes last matters.
func.func @overwrites(%x: memref<8xf64>, %dx: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c = "ad.cache"(%c8) {dialectad.mirrored} : (index) -> !ad.cache<f64>
  scf.for %i = %c0 to %c8 step %c1 {
    %v = memref.load %x[%i] : memref<8xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }
  scf.for %k = %c0 to %c8 step %c1 {
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    memref.store %v, %dx[%c0] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @overwrites(
// CHECK:         "ad.push"
// CHECK:         scf.for
// CHECK:         "ad.pop"

// -----

// The reverse loop writes what later iterations of the forward loop read: no fusion.
func.func @reads_later(%x: memref<8xf64>, %dx: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %c = "ad.cache"(%c7) {dialectad.mirrored} : (index) -> !ad.cache<f64>
  scf.for %i = %c0 to %c7 step %c1 {
    %v = memref.load %x[%i] : memref<8xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }
  scf.for %k = %c0 to %c7 step %c1 {
    %i = arith.subi %c7, %k : index
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    memref.store %v, %x[%i] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @reads_later(
// CHECK:         "ad.push"
// CHECK:         scf.for
// CHECK:         "ad.pop"
