// RUN: dialectad-opt -p "differentiate{level=loop}" --split-input-file --verify-diagnostics %s

func.func private @f(%x: memref<f64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %v = memref.load %x[] : memref<f64>
  // expected-error@+1 {{there is no derivative rule for arith.bitcast}}
  %i = arith.bitcast %v : f64 to i64
  %w = arith.bitcast %i : i64 to f64
  memref.store %w, %y[] : memref<f64>
  func.return
}

func.func @no_rule(%x: memref<f64>, %y: memref<f64>, %dx: memref<f64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<f64>, memref<f64>, memref<f64>, memref<f64>) -> ()
  func.return
}

// -----

func.func private @f(%x: memref<f64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  "memref.copy"(%x, %y) : (memref<f64>, memref<f64>) -> ()
  func.return
}

func.func @unknown_level(%x: memref<f64>, %y: memref<f64>, %dx: memref<f64>, %dy: memref<f64>) {
  // expected-error@+1 {{there is no level "loops"}}
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loops"}> : (memref<f64>, memref<f64>, memref<f64>, memref<f64>) -> ()
  func.return
}

// -----

func.func private @f(%x: memref<4xi64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %zero = arith.constant 0.0 : f64
  memref.store %zero, %y[] : memref<f64>
  func.return
}

func.func @integers(%x: memref<4xi64>, %y: memref<f64>, %dx: memref<4xi64>, %dy: memref<f64>) {
  // expected-error@+1 {{active arguments [0] aren't of float type}}
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xi64>, memref<f64>, memref<4xi64>, memref<f64>) -> ()
  func.return
}

// -----

func.func private @f(%x: tensor<f64>) -> tensor<f64> {
  func.return %x : tensor<f64>
}

func.func @too_early(%x: tensor<f64>) -> tensor<f64> {
  // expected-error@+1 {{ad.jvp of level loop where @f is not in memory form yet}}
  %y, %t = "ad.jvp"(%x, %x) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  func.return %t : tensor<f64>
}

// -----

func.func private @f(%x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  "memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

func.func @no_shadow(%x: memref<4xf64>, %y: memref<4xf64>, %dy: memref<4xf64>) {
  // expected-error@+1 {{operands are}}
  "ad.vjp"(%x, %y, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}
