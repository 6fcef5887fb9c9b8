// RUN: dialectad-opt -p inline --print-debuginfo %s | filecheck %s

// CHECK-LABEL: func.func @twice
// CHECK-NEXT:    arith.mulf {{.*}} loc(callsite("{{.*}}inline.mlir":10:3 at "{{.*}}inline.mlir":14:3))
// CHECK-NEXT:    arith.mulf
// CHECK-NEXT:    func.return
// CHECK-NOT:   @square

func.func private @square(%x: f64) -> f64 {
  %y = arith.mulf %x, %x : f64
  func.return %y : f64
}
func.func @twice(%x: f64) -> f64 {
  %a = func.call @square(%x) : (f64) -> f64
  %b = func.call @square(%a) : (f64) -> f64
  func.return %b : f64
}

// Public functions stay.
// CHECK-LABEL: func.func @helper
// CHECK-LABEL: func.func @caller
// CHECK:         scf.for
// CHECK-NEXT:      arith.addf
func.func @helper(%x: f64) -> f64 {
  %y = arith.addf %x, %x : f64
  func.return %y : f64
}
func.func @caller(%x: f64, %n: index) -> f64 {
  %r = scf.for %i = %n to %n step %n iter_args(%a = %x) -> (f64) {
    %b = func.call @helper(%a) : (f64) -> f64
    scf.yield %b : f64
  }
  func.return %r : f64
}
