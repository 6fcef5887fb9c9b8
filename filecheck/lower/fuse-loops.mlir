// RUN: dialectad-opt -p fuse-loops --split-input-file %s | filecheck %s

// What one loop writes and the next reads doesn't go through memory.
func.func @chain(%x: memref<8xf64>, %y: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %t = memref.alloc() : memref<8xf64>
  scf.for %i = %c0 to %c8 step %c1 {
    %a = memref.load %x[%i] : memref<8xf64>
    %b = math.exp %a : f64
    memref.store %b, %t[%i] : memref<8xf64>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %a = memref.load %t[%i] : memref<8xf64>
    %b = arith.mulf %a, %a : f64
    memref.store %b, %y[%i] : memref<8xf64>
  }
  memref.dealloc %t : memref<8xf64>
  func.return
}

// CHECK-LABEL: func.func @chain(
// CHECK-NOT:     memref.alloc
// CHECK:         scf.for %[[I:.*]] = %c0 to %c8 step %c1 {
// CHECK-NEXT:      %[[A:.*]] = memref.load %x[%[[I]]]
// CHECK-NEXT:      %[[B:.*]] = math.exp %[[A]]
// CHECK-NEXT:      %[[C:.*]] = arith.mulf %[[B]], %[[B]]
// CHECK-NEXT:      memref.store %[[C]], %y[%[[I]]]
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return

// -----

// Loops over rows are fused though the inner ones have to follow each other; a row of the temporary is enough.
func.func @rows(%x: memref<8x9xf64>, %y: memref<8x9xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  %zero = arith.constant 0.0 : f64
  %t = memref.alloc() : memref<8x9xf64>
  %s = memref.alloc() : memref<8xf64>
  scf.for %i = %c0 to %c8 step %c1 {
    scf.for %j = %c0 to %c9 step %c1 {
      %a = memref.load %x[%i, %j] : memref<8x9xf64>
      %b = math.exp %a : f64
      memref.store %b, %t[%i, %j] : memref<8x9xf64>
    }
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %sum = scf.for %j = %c0 to %c9 step %c1 iter_args(%p = %zero) -> (f64) {
      %a = memref.load %t[%i, %j] : memref<8x9xf64>
      %q = arith.addf %p, %a : f64
      scf.yield %q : f64
    }
    memref.store %sum, %s[%i] : memref<8xf64>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %sum = memref.load %s[%i] : memref<8xf64>
    scf.for %j = %c0 to %c9 step %c1 {
      %a = memref.load %t[%i, %j] : memref<8x9xf64>
      %b = arith.divf %a, %sum : f64
      memref.store %b, %y[%i, %j] : memref<8x9xf64>
    }
  }
  func.return
}

// CHECK-LABEL: func.func @rows(
// CHECK:         scf.for %[[I:.*]] = %c0 to %c8 step %c1 {
// CHECK-NEXT:      %[[T:.*]] = memref.alloc() : memref<9xf64>
// CHECK-NEXT:      %[[SUM:.*]] = scf.for %[[J:.*]] = %c0 to %c9 step %c1 iter_args(%[[P:.*]] = %zero) -> (f64) {
// CHECK-NEXT:        %[[A:.*]] = memref.load %x[%[[I]], %[[J]]]
// CHECK-NEXT:        %[[B:.*]] = math.exp %[[A]]
// CHECK-NEXT:        memref.store %[[B]], %[[T]][%[[J]]]
// CHECK-NEXT:        arith.addf %[[P]], %[[B]]
// CHECK:           scf.for %[[K:.*]] = %c0 to %c9 step %c1 {
// CHECK-NEXT:        %[[C:.*]] = memref.load %[[T]][%[[K]]]
// CHECK-NEXT:        %[[D:.*]] = arith.divf %[[C]], %[[SUM]]
// CHECK-NEXT:        memref.store %[[D]], %y[%[[I]], %[[K]]]
// CHECK-NOT:     scf.for

// -----

// The second loop reads what a later iteration of the first writes.
func.func @ahead(%x: memref<9xf64>, %y: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %one = arith.constant 1.0 : f64
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %one, %x[%i] : memref<9xf64>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %k = arith.addi %i, %c1 : index
    %a = memref.load %x[%k] : memref<9xf64>
    memref.store %a, %y[%i] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @ahead(
// CHECK:         scf.for
// CHECK:         scf.for

// -----

// What a branch hands on may be the memory that the other loop writes.
func.func @either(%x: memref<8xf64>, %z: memref<8xf64>, %y: memref<8xf64>, %c: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %m = scf.if %c -> (memref<8xf64>) {
    scf.yield %x : memref<8xf64>
  } else {
    scf.yield %z : memref<8xf64>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %a = memref.load %m[%i] : memref<8xf64>
    memref.store %a, %y[%i] : memref<8xf64>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %a = memref.load %y[%i] : memref<8xf64>
    memref.store %a, %x[%i] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @either(
// CHECK:         scf.for
// CHECK:         scf.for

// -----

// What stands between and needs the first goes behind; what lives on in the loop around keeps its memory.
func.func @between(%x: memref<8xf64>, %y: memref<8xf64>, %z: memref<f64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %t = memref.alloc() : memref<8xf64>
  scf.for %i = %c0 to %c8 step %c1 {
    %a = memref.load %x[%i] : memref<8xf64>
    memref.store %a, %t[%i] : memref<8xf64>
  }
  scf.for %o = %c0 to %c8 step %c1 {
    scf.for %i = %c0 to %c8 step %c1 {
      %a = memref.load %t[%i] : memref<8xf64>
      %b = arith.addf %a, %a : f64
      memref.store %b, %t[%i] : memref<8xf64>
    }
    %e = memref.load %t[%c0] : memref<8xf64>
    memref.store %e, %z[] : memref<f64>
    scf.for %i = %c0 to %c8 step %c1 {
      %a = memref.load %t[%i] : memref<8xf64>
      memref.store %a, %y[%i] : memref<8xf64>
    }
  }
  func.return
}

// CHECK-LABEL: func.func @between(
// CHECK-NEXT:    %{{.*}} = arith.constant
// CHECK:         memref.alloc() : memref<8xf64>
// CHECK:         scf.for %o = %c0 to %c8 step %c1 {
// CHECK-NEXT:      scf.for %[[I:.*]] = %c0 to %c8 step %c1 {
// CHECK-NEXT:        %[[A:.*]] = memref.load %[[T:.*]][%[[I]]]
// CHECK-NEXT:        %[[B:.*]] = arith.addf %[[A]], %[[A]]
// CHECK-NEXT:        memref.store %[[B]], %[[T]][%[[I]]]
// CHECK-NEXT:        memref.store %[[B]], %y[%[[I]]]
// CHECK-NEXT:      }
// CHECK-NEXT:      %[[E:.*]] = memref.load %[[T]][%c0]
// CHECK-NEXT:      memref.store %[[E]], %z[]
