// RUN: dialectad-opt -p hoist %s | filecheck %s

// What is to be differentiated stays in loops that may not run: the first three do.
// CHECK-LABEL: func.func private @certain
// CHECK:         math.sqrt %x
// CHECK-NEXT:    math.exp %x
// CHECK-NEXT:    scf.for
// CHECK:         math.log %x
// CHECK-NEXT:    scf.while
// CHECK:         scf.for
// CHECK-NEXT:      math.cos %x
// CHECK:         scf.while
// CHECK:         do
// CHECK:           math.sin %x
func.func private @certain(%x: f64, %n: index) -> (f64, f64, f64, f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %x) -> (f64) {
    %e = math.sqrt %x : f64
    %b = scf.for %j = %c0 to %c1 step %c1 iter_args(%d = %a) -> (f64) {
      %f = math.exp %x : f64
      %g = arith.addf %d, %f : f64
      scf.yield %g : f64
    }
    %s = arith.addf %b, %e : f64
    scf.yield %s : f64
  }
  %w = scf.while (%a = %x) : (f64) -> f64 {
    %e = math.log %x : f64
    %go = arith.cmpf olt, %a, %e : f64
    scf.condition(%go) %a : f64
  } do {
  ^bb0(%a: f64):
    %b = arith.addf %a, %a : f64
    scf.yield %b : f64
  }
  %q = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %e = math.cos %x : f64
    %s = arith.addf %a, %e : f64
    scf.yield %s : f64
  }
  %v = scf.while (%a = %x) : (f64) -> f64 {
    %go = arith.cmpf olt, %a, %x : f64
    scf.condition(%go) %a : f64
  } do {
  ^bb0(%a: f64):
    %e = math.sin %x : f64
    %b = arith.addf %a, %e : f64
    scf.yield %b : f64
  }
  func.return %r, %w, %q, %v : f64, f64, f64, f64
}

func.func @tangent(%x: f64, %n: index, %tx: f64) -> (f64, f64, f64, f64, f64, f64, f64, f64) {
  %r:8 = "ad.jvp"(%x, %n, %tx) <{callee = @certain, active = array<i64: 0>, level = "linalg"}> : (f64, index, f64) -> (f64, f64, f64, f64, f64, f64, f64, f64)
  func.return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : f64, f64, f64, f64, f64, f64, f64, f64
}
