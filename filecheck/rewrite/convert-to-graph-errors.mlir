// RUN: dialectad-opt -p convert-to-graph --split-input-file --verify-diagnostics %s

func.func private @dynamic_loop(%x: f64, %n: index) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{a static graph has no loop whose count depends on data}}
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %b = arith.mulf %a, %x : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

func.func @tangent(%x: f64, %n: index, %tx: f64) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%x, %n, %tx) <{callee = @dynamic_loop, active = array<i64: 0>, level = "graph"}> : (f64, index, f64) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// -----

func.func private @until(%x: f64) -> f64 {
  // expected-error @+1 {{a static graph has no loop whose count depends on data}}
  %r = scf.while (%a = %x) : (f64) -> f64 {
    %one = arith.constant 1.0 : f64
    %go = arith.cmpf olt, %a, %one : f64
    scf.condition(%go) %a : f64
  } do {
  ^bb0(%a: f64):
    %b = arith.addf %a, %a : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

func.func @tangent(%x: f64, %tx: f64) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%x, %tx) <{callee = @until, active = array<i64: 0>, level = "graph"}> : (f64, f64) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// -----

func.func private @dynamic_shape(%t: tensor<4xf64>, %n: index) -> f64 {
  // expected-error @+1 {{a static graph has no array whose shape depends on data}}
  %s = tensor.extract_slice %t[0] [%n] [1] : tensor<4xf64> to tensor<?xf64>
  %c0 = arith.constant 0 : index
  %e = tensor.extract %s[%c0] : tensor<?xf64>
  func.return %e : f64
}

func.func @tangent(%t: tensor<4xf64>, %n: index, %tt: tensor<4xf64>) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%t, %n, %tt) <{callee = @dynamic_shape, active = array<i64: 0>, level = "graph"}> : (tensor<4xf64>, index, tensor<4xf64>) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// -----

func.func private @writer(%t: tensor<4xf64> {dialectad.inout = 1 : i64}, %x: f64) -> (f64, tensor<4xf64>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{the function writes into its argument}}
  %u = tensor.insert %x into %t[%c0] : tensor<4xf64>
  func.return %x, %u : f64, tensor<4xf64>
}

func.func @tangent(%t: tensor<4xf64>, %x: f64, %tx: f64) -> (f64, tensor<4xf64>, f64, tensor<4xf64>) {
  %y, %u, %ty, %tu = "ad.jvp"(%t, %x, %tx) <{callee = @writer, active = array<i64: 1>, level = "graph"}> : (tensor<4xf64>, f64, f64) -> (f64, tensor<4xf64>, f64, tensor<4xf64>)
  func.return %y, %u, %ty, %tu : f64, tensor<4xf64>, f64, tensor<4xf64>
}

// -----

func.func private @too_long(%x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 1000000 : index
  // expected-error @+1 {{as a static graph the function has more than 50,000 operations}}
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %b = arith.mulf %a, %x : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

func.func @tangent(%x: f64, %tx: f64) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%x, %tx) <{callee = @too_long, active = array<i64: 0>, level = "graph"}> : (f64, f64) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// -----

// Whether the index is in range depends on the branch, which the level linalg isn't told.
func.func private @inner(%t: tensor<4xf64>, %i: index) -> f64 {
  %y = tensor.extract %t[%i] : tensor<4xf64>
  func.return %y : f64
}

func.func private @outer(%t: tensor<4xf64>, %i: index, %c: i1) -> f64 {
  %r = scf.if %c -> (f64) {
    // expected-error @+1 {{a derivative at the level "linalg" in a branch, of a function that may fail}}
    %y, %ty = "ad.jvp"(%t, %i, %t) <{callee = @inner, active = array<i64: 0>, level = "linalg"}> : (tensor<4xf64>, index, tensor<4xf64>) -> (f64, f64)
    scf.yield %ty : f64
  } else {
    %zero = arith.constant 0.0 : f64
    scf.yield %zero : f64
  }
  func.return %r : f64
}

func.func @second_order(%t: tensor<4xf64>, %i: index, %c: i1, %tt: tensor<4xf64>) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%t, %i, %c, %tt) <{callee = @outer, active = array<i64: 0>, level = "graph"}> : (tensor<4xf64>, index, i1, tensor<4xf64>) -> (f64, f64)
  func.return %y, %ty : f64, f64
}
