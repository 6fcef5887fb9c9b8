// RUN: dialectad-opt -p inline --split-input-file %s | filecheck %s

// What calls itself, be it through another function, is called wherever it was called.

// CHECK-LABEL: func.func private @even
// CHECK:       func.call @odd
// CHECK-LABEL: func.func private @odd
// CHECK:       func.call @even
// CHECK-NOT:   func.func private @helper
// CHECK-LABEL: func.func @f
// CHECK-NEXT:  arith.addf
// CHECK-NEXT:  func.call @even
func.func private @even(%x: f64) -> f64 {
  %y = func.call @odd(%x) : (f64) -> f64
  func.return %y : f64
}
func.func private @odd(%x: f64) -> f64 {
  %y = func.call @even(%x) : (f64) -> f64
  %z = func.call @helper(%y) : (f64) -> f64
  func.return %z : f64
}
func.func private @helper(%x: f64) -> f64 {
  %y = arith.addf %x, %x : f64
  func.return %y : f64
}
func.func @f(%x: f64) -> f64 {
  %y = func.call @helper(%x) : (f64) -> f64
  %z = func.call @even(%y) : (f64) -> f64
  func.return %z : f64
}

// -----

// So is what says so.

// CHECK-LABEL: func.func private @marked
// CHECK-LABEL: func.func @g
// CHECK:       func.call @marked
func.func private @marked(%x: f64) -> f64 attributes {no_inline} {
  %y = arith.addf %x, %x : f64
  func.return %y : f64
}
func.func @g(%x: f64) -> f64 {
  %y = func.call @marked(%x) : (f64) -> f64
  func.return %y : f64
}
