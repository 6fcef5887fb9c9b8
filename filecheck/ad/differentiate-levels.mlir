// RUN: dialectad-opt -p differentiate --split-input-file %s | filecheck %s

// A function that was given a later level: mixed leaves its derivative to that level.
func.func private @g(%x: f64, %n: index, %s: f64) -> (f64, f64) attributes {dialectad.level = "loop"} {
  %y = arith.mulf %x, %s : f64
  func.return %y, %s : f64, f64
}
func.func private @f(%x: f64, %n: index, %s: f64) -> f64 {
  %a, %b = func.call @g(%x, %n, %s) : (f64, index, f64) -> (f64, f64)
  %y = math.sin %a : f64
  func.return %y : f64
}

// In forward mode the request gives the results, too.
// CHECK-LABEL: func.func private @f.jvp_0_2
// CHECK-NEXT:    %[[A:.*]], %[[B:.*]], %[[TA:.*]], %{{.*}} = "ad.jvp"(%x, %n, %s, %tx, %ts) <{callee = @g, active = array<i64: 0, 2>, level = "loop"}> : (f64, index, f64, f64, f64) -> (f64, f64, f64, f64)
// CHECK-NEXT:    %y = math.sin %[[A]]
// CHECK-NEXT:    %[[COS:.*]] = math.cos %[[A]]
// CHECK-NEXT:    arith.mulf %[[TA]], %[[COS]]

// The seeds are the results with a cotangent, the active arguments those that matter.
// CHECK-LABEL: func.func private @f.vjp_0_of_0
// CHECK:         %[[A:.*]], %[[B:.*]] = func.call @g(%x, %n, %s) {dialectad.level = "loop"} : (f64, index, f64) -> (f64, f64)
// CHECK-NEXT:    %y = math.sin %[[A]]
// CHECK-NEXT:    %[[COS:.*]] = math.cos %[[A]]
// CHECK-NEXT:    %[[DA:.*]] = arith.mulf %dy, %[[COS]]
// CHECK-NEXT:    %{{.*}}, %{{.*}}, %[[DX:.*]] = "ad.vjp"(%x, %n, %s, %[[DA]]) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (f64, index, f64, f64) -> (f64, f64, f64)
// CHECK-NEXT:    func.return %y, %[[DX]]
func.func @reverse(%x: f64, %n: index, %s: f64, %dy: f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %n, %s, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "mixed"}> : (f64, index, f64, f64) -> (f64, f64)
  func.return %dx : f64
}

func.func @forward(%x: f64, %n: index, %s: f64, %tx: f64, %ts: f64) -> f64 {
  %y, %ty = "ad.jvp"(%x, %n, %s, %tx, %ts) <{callee = @f, active = array<i64: 0, 2>, level = "mixed"}> : (f64, index, f64, f64, f64) -> (f64, f64)
  func.return %ty : f64
}

// -----

// A pure level takes no notice.
func.func private @g(%x: f64) -> f64 attributes {dialectad.level = "loop"} {
  %y = math.exp %x : f64
  func.return %y : f64
}
func.func private @f(%x: f64) -> f64 {
  %y = func.call @g(%x) : (f64) -> f64
  func.return %y : f64
}
// CHECK-LABEL: func.func private @f.vjp_0_of_0
// CHECK-NEXT:    %y = math.exp %x
// CHECK-NEXT:    arith.mulf %dy, %y
func.func @pure(%x: f64, %dy: f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}

// -----

// A request of a later level within what is differentiated now.
func.func private @g(%x: f64) -> f64 {
  %y = math.exp %x : f64
  func.return %y : f64
}
func.func private @f(%x: f64, %dy: f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}
// CHECK-LABEL: func.func private @g.request(%0: f64, %1: f64) -> (f64, f64) {
// CHECK-NEXT:    %2, %3 = "ad.vjp"(%0, %1) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (f64, f64) -> (f64, f64)
// CHECK-NEXT:    func.return %2, %3 : f64, f64

// CHECK-LABEL: func.func private @f.vjp_0_of_0(%x: f64, %dy: f64, %ddx: f64)
// CHECK:         func.call @g.request(%x, %dy) {dialectad.level = "llvm"}
// CHECK:         "ad.vjp"(%x, %dy, %ddx) <{callee = @g.request, active = array<i64: 0>, seeds = array<i64: 1>, level = "llvm"}> : (f64, f64, f64) -> (f64, f64, f64)
func.func @second(%x: f64, %dy: f64, %ddx: f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %dy, %ddx) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64, f64) -> (f64, f64)
  func.return %dx : f64
}

// -----

// What is left to a later level keeps the parts of yet later ones, and nothing else.
func.func private @h(%x: f64) -> f64 {
  %y = math.sin %x : f64
  func.return %y : f64
}
func.func private @s(%x: f64) -> f64 attributes {dialectad.level = "llvm"} {
  %y = math.exp %x : f64
  func.return %y : f64
}
// CHECK-LABEL: func.func private @g(%x: f64) -> f64 attributes {dialectad.level = "loop"}
// CHECK-NEXT:    %y = math.sin %x
// CHECK-NEXT:    %b = func.call @s(%y) {dialectad.level = "llvm"} : (f64) -> f64
// CHECK-NEXT:    func.return %b
func.func private @g(%x: f64) -> f64 attributes {dialectad.level = "loop"} {
  %a = func.call @h(%x) : (f64) -> f64
  %b = func.call @s(%a) : (f64) -> f64
  func.return %b : f64
}
func.func private @f(%x: f64) -> f64 {
  %y = func.call @g(%x) : (f64) -> f64
  func.return %y : f64
}
func.func @nested(%x: f64, %dy: f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "mixed"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}
