// RUN: dialectad-opt -p differentiate --split-input-file --verify-diagnostics %s

func.func private @f(%x : f64) -> f64 {
  // expected-error@+1 {{there is no derivative rule for arith.bitcast}}
  %i = arith.bitcast %x : f64 to i64
  %y = arith.bitcast %i : i64 to f64
  func.return %y : f64
}

func.func @no_rule(%x : f64, %dy : f64) -> (f64, f64) {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %y, %dx : f64, f64
}

// -----

func.func private @f(%n : i64) -> f64 {
  %y = arith.sitofp %n : i64 to f64
  func.return %y : f64
}

func.func @integer_argument(%n : i64, %dy : f64) -> (f64, i64) {
  // expected-error@+1 {{active arguments [0] aren't of float type}}
  %y, %dx = "ad.vjp"(%n, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (i64, f64) -> (f64, i64)
  func.return %y, %dx : f64, i64
}

// -----

func.func private @f(%x : f64) -> f64 {
  func.return %x : f64
}

func.func @unknown_level(%x : f64, %dy : f64) -> (f64, f64) {
  // expected-error@+1 {{there is no level "tape"}}
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "tape"}> : (f64, f64) -> (f64, f64)
  func.return %y, %dx : f64, f64
}

// -----

func.func private @f(%x : f64) -> f64 {
  // expected-error@+1 {{@f asks for a derivative of itself}}
  %y, %ty = "ad.jvp"(%x, %x) <{callee = @f, active = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %y : f64
}

func.func @recursion(%x : f64, %tx : f64) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%x, %tx) <{callee = @f, active = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %y, %ty : f64, f64
}
