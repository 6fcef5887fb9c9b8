// RUN: dialectad-opt -p group-caches --split-input-file %s | filecheck %s

// What an iteration pushes goes on one stack, with one look for room.
func.func @two(%x: f64, %y: memref<f64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f64
  %a = "ad.cache"() {dialectad.reason = "one"} : () -> !ad.cache<f64>
  %b = "ad.cache"() {dialectad.reason = "other"} : () -> !ad.cache<f64>
  %r, %n = scf.while (%s = %x, %k = %c0) : (f64, index) -> (f64, index) {
    %go = arith.cmpf olt, %s, %one : f64
    scf.condition(%go) %s, %k : f64, index
  } do {
  ^bb0(%s: f64, %k: index):
    "ad.push"(%a, %s) : (!ad.cache<f64>, f64) -> ()
    %e = math.exp %s : f64
    "ad.push"(%b, %e) : (!ad.cache<f64>, f64) -> ()
    %m = arith.addi %k, %c1 : index
    scf.yield %e, %m : f64, index
  }
  scf.for %k = %c0 to %n step %c1 {
    %e = "ad.pop"(%b) : (!ad.cache<f64>) -> f64
    %s = "ad.pop"(%a) : (!ad.cache<f64>) -> f64
    %p = arith.mulf %e, %s : f64
    memref.store %p, %y[] : memref<f64>
  }
  func.return
}

// CHECK-LABEL: func.func @two(
// CHECK:         %[[C:.*]] = "ad.cache"() {dialectad.reason = "one; other"} : () -> !ad.cache<memref<2xf64>>
// CHECK-NOT:     "ad.cache"
// CHECK:         (%[[S:.*]]: f64, %{{.*}}: index):
// CHECK-NEXT:      %[[SLOT:.*]] = "ad.reserve"(%[[C]])
// CHECK-NEXT:      %[[I:.*]] = arith.constant 0
// CHECK-NEXT:      memref.store %[[S]], %[[SLOT]][%[[I]]]
// CHECK-NEXT:      %[[E:.*]] = math.exp
// CHECK-NEXT:      %[[J:.*]] = arith.constant 1
// CHECK-NEXT:      memref.store %[[E]], %[[SLOT]][%[[J]]]
// CHECK:         scf.for
// CHECK-NEXT:      %[[T:.*]] = "ad.pop"(%[[C]])
// CHECK-NEXT:      %[[L:.*]] = arith.constant 1
// CHECK-NEXT:      %[[E2:.*]] = memref.load %[[T]][%[[L]]]
// CHECK-NEXT:      %[[M:.*]] = arith.constant 0
// CHECK-NEXT:      %[[S2:.*]] = memref.load %[[T]][%[[M]]]
// CHECK-NEXT:      arith.mulf %[[E2]], %[[S2]]

// -----

// Caches that are filled in different places stay apart.
func.func @apart(%n: index, %x: f64, %b: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = "ad.cache"() : () -> !ad.cache<f64>
  %c = "ad.cache"() : () -> !ad.cache<f64>
  "ad.push"(%a, %x) : (!ad.cache<f64>, f64) -> ()
  scf.if %b {
    "ad.push"(%c, %x) : (!ad.cache<f64>, f64) -> ()
  }
  %v = "ad.pop"(%a) : (!ad.cache<f64>) -> f64
  scf.if %b {
    %w = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  }
  func.return
}

// CHECK-LABEL: func.func @apart(
// CHECK:         "ad.push"(%a
// CHECK:         "ad.push"(%c
