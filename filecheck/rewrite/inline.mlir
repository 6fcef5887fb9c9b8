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

// On the loop rung functions write their results into arguments.
// CHECK-LABEL: func.func @in_memory
// CHECK-NEXT:    %i = arith.constant {{.*}}0 : index
// CHECK-NEXT:    %v = memref.load %x[%i]
// CHECK-NEXT:    memref.store %v, %y[]
// CHECK-NEXT:    func.return
// CHECK-NOT:   @first
func.func private @first(%a: memref<4xf64>, %out: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %i = arith.constant 0 : index
  %v = memref.load %a[%i] : memref<4xf64>
  memref.store %v, %out[] : memref<f64>
  func.return
}
func.func @in_memory(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.call @first(%x, %y) : (memref<4xf64>, memref<f64>) -> ()
  func.return
}

// A call that is differentiated on its own stays in what is still to be differentiated, and only there.
// CHECK-LABEL: func.func private @requested
// CHECK:         func.call @part(%x) {dialectad.level = "llvm"}
// CHECK-LABEL: func.func @around
// CHECK:         "ad.jvp"
// CHECK-NEXT:    %y_1 = math.exp
// CHECK-NEXT:    func.return
func.func private @part(%x: f64) -> f64 {
  %y = math.exp %x : f64
  func.return %y : f64
}
func.func private @requested(%x: f64) -> f64 {
  %y = func.call @part(%x) {dialectad.level = "llvm"} : (f64) -> f64
  func.return %y : f64
}
func.func @around(%x: f64) -> f64 {
  %y, %t = "ad.jvp"(%x, %x) <{callee = @requested, active = array<i64: 0>, level = "loop"}> : (f64, f64) -> (f64, f64)
  %z = func.call @requested(%t) : (f64) -> f64
  func.return %z : f64
}
