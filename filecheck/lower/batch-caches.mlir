// RUN: dialectad-opt -p batch-caches %s | filecheck %s

// What the first loop pushes and the second one pops is one slot.
// CHECK-LABEL: func.func @batched
// CHECK:         %[[C:.*]] = "ad.cache"(%{{.*}}) : (index) -> !ad.cache<memref<8xf64>>
// CHECK:         %[[S:.*]] = "ad.reserve"(%[[C]]) : (!ad.cache<memref<8xf64>>) -> memref<8xf64>
// CHECK-NEXT:    scf.for %i
// CHECK:           memref.store %v, %[[S]][%i] : memref<8xf64>
// CHECK:         %[[T:.*]] = "ad.pop"(%[[C]]) : (!ad.cache<memref<8xf64>>) -> memref<8xf64>
// CHECK-NEXT:    scf.for %k
// CHECK:           memref.load %[[T]]
func.func @batched(%x: memref<8xf64>, %y: memref<8xf64>) {
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

// The loop around a cache isn't a loop that fills it.
// CHECK-LABEL: func.func @within
// CHECK:         scf.for
// CHECK-NEXT:      %[[C:.*]] = "ad.cache"(%c1)
// CHECK:           "ad.push"(%[[C]], %v) : (!ad.cache<f64>, f64) -> ()
// CHECK-NEXT:      %w = "ad.pop"(%[[C]]) : (!ad.cache<f64>) -> f64
func.func @within(%x: memref<8xf64>, %y: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %c = "ad.cache"(%c1) : (index) -> !ad.cache<f64>
    %v = memref.load %x[%i] : memref<8xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
    %w = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    memref.store %w, %y[%i] : memref<8xf64>
  }
  func.return
}
