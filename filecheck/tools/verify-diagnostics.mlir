// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @parse_error(%x : f64) -> f64 {
  // expected-error@+1 {{Operation arith.nonsense is not registered}}
  %y = arith.nonsense %x : f64
  func.return %y : f64
}

// -----

func.func @verify_error(%x : f64) -> f64 {
  // expected-error@below {{terminates block in single-block region but is not a terminator}}
  %y = arith.addf %x, %x : f64
}

// -----

func.func @no_error() {
  func.return
}
