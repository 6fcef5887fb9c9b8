// RUN: dialectad-opt -p differentiate,inline,canonicalize,cse,dce --split-input-file %s | filecheck %s

// A call with a rule is replaced by calls of what the rule names, which are inlined like any other.
func.func private @f(%x: tensor<4xf64>) -> tensor<4xf64> {
  %y = math.sin %x : tensor<4xf64>
  func.return %y : tensor<4xf64>
}

func.func private @fwd(%x: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %y = math.sin %x : tensor<4xf64>
  %r = math.exp %x : tensor<4xf64>
  func.return %y, %r : tensor<4xf64>, tensor<4xf64>
}

func.func private @bwd(%r: tensor<4xf64>, %dy: tensor<4xf64>) -> tensor<4xf64> {
  %dx = arith.mulf %dy, %r : tensor<4xf64>
  func.return %dx : tensor<4xf64>
}

func.func private @loss(%x: tensor<4xf64>) -> tensor<4xf64> {
  %y = func.call @f(%x) {dialectad.rule = {kind = "custom_vjp", augmented = @fwd, pullback = @bwd, residuals = [tensor<4xf64>], constants = 0 : i64, types = []}} : (tensor<4xf64>) -> tensor<4xf64>
  func.return %y : tensor<4xf64>
}

func.func @reverse(%x: tensor<4xf64>, %dy: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @loss, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<4xf64>, tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %y, %dx : tensor<4xf64>, tensor<4xf64>
}

// CHECK-LABEL: func.func @reverse(
// CHECK:         %[[Y:.*]] = math.sin %x
// CHECK-NEXT:    %[[R:.*]] = math.exp %x
// CHECK-NEXT:    %[[DX:.*]] = arith.mulf %{{dy|.*}}, %{{.*}}
// CHECK-NEXT:    func.return %[[Y]], %[[DX]]

// -----

// In forward mode it is one call; what isn't differentiated calls the function itself.
func.func private @f(%x: f64) -> f64 {
  %y = math.sin %x : f64
  func.return %y : f64
}

func.func private @jvp(%x: f64, %tx: f64) -> (f64, f64) {
  %y = math.sin %x : f64
  %ty = math.exp %tx : f64
  func.return %y, %ty : f64, f64
}

func.func private @loss(%x: f64, %z: f64) -> f64 {
  %y = func.call @f(%x) {dialectad.rule = {kind = "custom_jvp", augmented = @f, pullback = @f, jvp = @jvp, residuals = [], constants = 0 : i64, types = []}} : (f64) -> f64
  %u = func.call @f(%z) {dialectad.rule = {kind = "custom_jvp", augmented = @f, pullback = @f, jvp = @jvp, residuals = [], constants = 0 : i64, types = []}} : (f64) -> f64
  %v = arith.addf %y, %u : f64
  func.return %v : f64
}

func.func @forward(%x: f64, %z: f64, %tx: f64) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%x, %z, %tx) <{callee = @loss, active = array<i64: 0>, level = "linalg"}> : (f64, f64, f64) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// CHECK-LABEL: func.func @forward(
// CHECK:         math.sin %x
// CHECK-NEXT:    %[[TY:.*]] = math.exp %tx
// CHECK-NEXT:    math.sin %z
// CHECK-NEXT:    %[[V:.*]] = arith.addf
// CHECK-NEXT:    func.return %[[V]], %[[TY]]

// -----

// Python is called once, in the forward sweep, in order; calls that look the same are two.
func.func private @loss(%x: f64) -> f64 {
  "host.call"(%x) <{callback = 7 : i64}> : (f64) -> ()
  "host.call"(%x) <{callback = 7 : i64}> : (f64) -> ()
  %s = "ad.stop"(%x) : (f64) -> f64
  %y = "host.call"(%s) <{callback = 8 : i64}> : (f64) -> f64
  %z = arith.mulf %y, %x : f64
  func.return %z : f64
}

func.func @gradient(%x: f64, %dz: f64) -> f64 {
  %z, %dx = "ad.vjp"(%x, %dz) <{callee = @loss, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}

// CHECK-LABEL: func.func @gradient(
// CHECK:         "host.call"(%x) <{callback = 7 : i64}>
// CHECK-NEXT:    "host.call"(%x) <{callback = 7 : i64}>
// CHECK-NEXT:    %[[Y:.*]] = "host.call"(%x) <{callback = 8 : i64}>
// CHECK-NEXT:    %[[DX:.*]] = arith.mulf %dz, %[[Y]]
// CHECK-NEXT:    func.return %[[DX]]
