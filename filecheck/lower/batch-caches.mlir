// RUN: dialectad-opt -p batch-caches --split-input-file %s | filecheck %s

// A loop that pushes once an iteration reserves a slot for all of them; the reverse loop reads it from its end.
func.func @known_count(%x: memref<8xf64>, %y: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c = "ad.cache"(%c8) : (index) -> !ad.cache<f64>
  scf.for %i = %c0 to %c8 step %c1 {
    %v = memref.load %x[%i] : memref<8xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }
  scf.for %k = %c0 to %c8 step %c1 {
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    memref.store %v, %y[%k] : memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @known_count(
// CHECK:           %[[V:.*]] = arith.ceildivsi %{{.*}}, %{{.*}}
// CHECK:           %[[C:.*]] = "ad.cache"(%[[V]]) : (index) -> !ad.cache<memref<8xf64>>
// CHECK:           %[[V2:.*]] = "ad.reserve"(%[[C]])
// CHECK:           scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V3:.*]] = memref.load %x[%[[I]]]
// CHECK:             memref.store %[[V3]], %[[V2]][%[[I]]]
// CHECK:           %[[V4:.*]] = "ad.pop"(%[[C]])
// CHECK:           scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V5:.*]] = arith.subi %{{.*}}, %{{.*}}
// CHECK:             %[[V6:.*]] = arith.subi %[[V5]], %[[K]]
// CHECK:             %[[V7:.*]] = memref.load %[[V4]][%[[V6]]]
// CHECK:             memref.store %[[V7]], %y[%[[K]]]

// -----

// The bounds may be known at run time only; they count from 0 by ones whatever they are.
func.func @counted_at_run_time(%x: memref<?xf64>, %n: index, %m: index) {
  %c2 = arith.constant 2 : index
  %c = "ad.cache"(%n) : (index) -> !ad.cache<f64>
  scf.for %i = %m to %n step %c2 {
    %v = memref.load %x[%i] : memref<?xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }
  scf.for %k = %m to %n step %c2 {
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    memref.store %v, %x[%k] : memref<?xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @counted_at_run_time(
// CHECK:           %[[C:.*]] = "ad.cache"() : () -> !ad.cache<memref<?xf64>>
// CHECK:           %[[V:.*]] = arith.subi %n, %m
// CHECK:           %[[V2:.*]] = arith.ceildivsi %[[V]], %{{.*}}
// CHECK:           %[[V3:.*]] = arith.maxsi %[[V2]], %{{.*}}
// CHECK:           %[[V4:.*]] = "ad.reserve"(%[[C]], %[[V3]])
// CHECK:           scf.for %[[I:.*]] = %m to %n step %{{.*}} {
// CHECK:             %[[V5:.*]] = memref.load %x[%[[I]]]
// CHECK:             %[[V6:.*]] = arith.subi %[[I]], %m
// CHECK:             %[[V7:.*]] = arith.divsi %[[V6]], %{{.*}}
// CHECK:             memref.store %[[V5]], %[[V4]][%[[V7]]]
// CHECK:           %[[V8:.*]] = arith.subi %n, %m
// CHECK:           %[[V9:.*]] = arith.ceildivsi %[[V8]], %{{.*}}
// CHECK:           %[[V10:.*]] = arith.maxsi %[[V9]], %{{.*}}
// CHECK:           %[[V11:.*]] = "ad.pop"(%[[C]], %[[V10]])
// CHECK:           scf.for %[[K:.*]] = %m to %n step %{{.*}} {
// CHECK:             %[[V12:.*]] = arith.subi %n, %m
// CHECK:             %[[V13:.*]] = arith.ceildivsi %[[V12]], %{{.*}}
// CHECK:             %[[V14:.*]] = arith.maxsi %[[V13]], %{{.*}}
// CHECK:             %[[V15:.*]] = arith.subi %[[V14]], %{{.*}}
// CHECK:             %[[V16:.*]] = arith.subi %[[K]], %m
// CHECK:             %[[V17:.*]] = arith.divsi %[[V16]], %{{.*}}
// CHECK:             %[[V18:.*]] = arith.subi %[[V15]], %[[V17]]
// CHECK:             %[[V19:.*]] = memref.load %[[V11]][%[[V18]]]
// CHECK:             memref.store %[[V19]], %x[%[[K]]]

// -----

// In a loop around both sweeps, a slot for each of its runs. The cache is mirrored: the reverse loop runs as
// often as the forward loop, though that can't be seen from the bounds.
func.func @mirrored(%x: memref<?xf64>, %n: index, %b: memref<4xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c = "ad.cache"() {dialectad.mirrored} : () -> !ad.cache<f64>
  scf.for %j = %c0 to %c4 step %c1 {
    %m = memref.load %b[%j] : memref<4xindex>
    scf.for %i = %c0 to %m step %c1 {
      %v = memref.load %x[%i] : memref<?xf64>
      "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
    }
  }
  scf.for %j = %c0 to %c4 step %c1 {
    %m = memref.load %b[%j] : memref<4xindex>
    scf.for %k = %c0 to %m step %c1 {
      %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
      memref.store %v, %x[%k] : memref<?xf64>
    }
  }
  func.return
}

// CHECK-LABEL: func.func @mirrored(
// CHECK:           %[[C:.*]] = "ad.cache"(){{.*}} : () -> !ad.cache<memref<?xf64>>
// CHECK:           scf.for %[[J:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[M:.*]] = memref.load %b[%[[J]]]
// CHECK:             %[[V:.*]] = arith.maxsi %[[M]], %{{.*}}
// CHECK:             %[[V2:.*]] = "ad.reserve"(%[[C]], %[[V]])
// CHECK:             scf.for %[[I:.*]] = %{{.*}} to %[[M]] step %{{.*}} {
// CHECK:               %[[V3:.*]] = memref.load %x[%[[I]]]
// CHECK:               memref.store %[[V3]], %[[V2]][%[[I]]]
// CHECK:           scf.for %[[J2:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[M2:.*]] = memref.load %b[%[[J2]]]
// CHECK:             %[[V4:.*]] = arith.maxsi %[[M2]], %{{.*}}
// CHECK:             %[[V5:.*]] = "ad.pop"(%[[C]], %[[V4]])
// CHECK:             scf.for %[[K:.*]] = %{{.*}} to %[[M2]] step %{{.*}} {
// CHECK:               %[[V6:.*]] = arith.maxsi %[[M2]], %{{.*}}
// CHECK:               %[[V7:.*]] = arith.subi %[[V6]], %{{.*}}
// CHECK:               %[[V8:.*]] = arith.subi %[[V7]], %[[K]]
// CHECK:               %[[V9:.*]] = memref.load %[[V5]][%[[V8]]]
// CHECK:               memref.store %[[V9]], %x[%[[K]]]

// -----

// A count that is known makes the capacity a number of slots.
func.func @slots(%x: memref<8xf64>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %most = arith.muli %n, %c8 : index
  %c = "ad.cache"(%most) : (index) -> !ad.cache<f64>
  scf.for %j = %c0 to %n step %c1 {
    scf.for %i = %c0 to %c8 step %c1 {
      %v = memref.load %x[%i] : memref<8xf64>
      "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
    }
  }
  scf.for %j = %c0 to %n step %c1 {
    scf.for %k = %c0 to %c8 step %c1 {
      %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
      memref.store %v, %x[%k] : memref<8xf64>
    }
  }
  func.return
}

// CHECK-LABEL: func.func @slots(
// CHECK:           %[[MOST:.*]] = arith.muli %n, %{{.*}}
// CHECK:           %[[V:.*]] = arith.ceildivsi %[[MOST]], %{{.*}}
// CHECK:           %[[C:.*]] = "ad.cache"(%[[V]]) : (index) -> !ad.cache<memref<8xf64>>
// CHECK:           scf.for %{{.*}} = %{{.*}} to %n step %{{.*}} {
// CHECK:             %[[V2:.*]] = "ad.reserve"(%[[C]])
// CHECK:             scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:               %[[V3:.*]] = memref.load %x[%[[I]]]
// CHECK:               memref.store %[[V3]], %[[V2]][%[[I]]]
// CHECK:           scf.for %{{.*}} = %{{.*}} to %n step %{{.*}} {
// CHECK:             %[[V4:.*]] = "ad.pop"(%[[C]])
// CHECK:             scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:               %[[V5:.*]] = arith.subi %{{.*}}, %{{.*}}
// CHECK:               %[[V6:.*]] = arith.subi %[[V5]], %[[K]]
// CHECK:               %[[V7:.*]] = memref.load %[[V4]][%[[V6]]]
// CHECK:               memref.store %[[V7]], %x[%[[K]]]

// -----

// Left as they are: a push on a condition, one in a `while`, two pushes, counts that may differ, memory.
func.func @left(%x: memref<8xf64>, %p: i1, %n: index, %m: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = "ad.cache"() : () -> !ad.cache<f64>
  %b = "ad.cache"() : () -> !ad.cache<f64>
  %c = "ad.cache"() : () -> !ad.cache<f64>
  %d = "ad.cache"() : () -> !ad.cache<memref<8xf64>>
  %v = memref.load %x[%c0] : memref<8xf64>
  scf.for %i = %c0 to %n step %c1 {
    scf.if %p {
      "ad.push"(%a, %v) : (!ad.cache<f64>, f64) -> ()
    }
    "ad.push"(%b, %v) : (!ad.cache<f64>, f64) -> ()
    "ad.push"(%b, %v) : (!ad.cache<f64>, f64) -> ()
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
    %s = "ad.reserve"(%d) : (!ad.cache<memref<8xf64>>) -> memref<8xf64>
  }
  scf.for %i = %c0 to %m step %c1 {
    scf.if %p {
      %r = "ad.pop"(%a) : (!ad.cache<f64>) -> f64
    }
    %s = "ad.pop"(%b) : (!ad.cache<f64>) -> f64
    %t = "ad.pop"(%b) : (!ad.cache<f64>) -> f64
    %u = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    %w = "ad.pop"(%d) : (!ad.cache<memref<8xf64>>) -> memref<8xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @left(
// CHECK:           %[[A:.*]] = "ad.cache"() : () -> !ad.cache<f64>
// CHECK:           %[[B:.*]] = "ad.cache"() : () -> !ad.cache<f64>
// CHECK:           %[[C:.*]] = "ad.cache"() : () -> !ad.cache<f64>
// CHECK:           %[[D:.*]] = "ad.cache"() : () -> !ad.cache<memref<8xf64>>
// CHECK:           %[[V:.*]] = memref.load %x[%{{.*}}]
// CHECK:           scf.for %{{.*}} = %{{.*}} to %n step %{{.*}} {
// CHECK:             scf.if %p {
// CHECK:               "ad.push"(%[[A]], %[[V]])
// CHECK:             "ad.push"(%[[B]], %[[V]])
// CHECK:             "ad.push"(%[[B]], %[[V]])
// CHECK:             "ad.push"(%[[C]], %[[V]])
// CHECK:             %{{.*}} = "ad.reserve"(%[[D]])
// CHECK:           scf.for %{{.*}} = %{{.*}} to %m step %{{.*}} {
// CHECK:             scf.if %p {
// CHECK:               %{{.*}} = "ad.pop"(%[[A]])
// CHECK:             %{{.*}} = "ad.pop"(%[[B]])
// CHECK:             %{{.*}} = "ad.pop"(%[[B]])
// CHECK:             %{{.*}} = "ad.pop"(%[[C]])
// CHECK:             %{{.*}} = "ad.pop"(%[[D]])
