// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @use_before_definition(%x: f64) -> f64 {
  // expected-error@+1 {{operand #1 (%y) does not dominate this use}}
  %z = arith.addf %x, %y : f64
  %y = arith.mulf %x, %x : f64
  func.return %z : f64
}

// -----

// The parser itself refuses a value of a region that was left.
func.func @out_of_a_region(%c: i1, %x: f64) -> f64 {
  scf.if %c {
    %y = arith.mulf %x, %x : f64
  }
  func.return %y : f64
}
// expected-error@+2 {{values used but not defined: [%y]}}

// -----

func.func @own_result_inside(%n: index, %x: f64) -> f64 {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %r = scf.for %i = %zero to %n step %one iter_args(%a = %x) -> (f64) {
    // expected-error@+1 {{does not dominate this use}}
    %b = arith.addf %a, %r : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

// -----

func.func @one_of_two_ways(%c: i1, %x: f64) -> f64 {
  cf.cond_br %c, ^a, ^b
^a:
  %y = arith.mulf %x, %x : f64
  cf.br ^b
^b:
  // expected-error@+1 {{operand #0 (%y) does not dominate this use}}
  func.return %y : f64
}

// -----

// A definition may come after its use in the text, and a loop may use what its header defines.
func.func @valid(%c: i1, %x: f64) -> f64 {
  cf.br ^b
^d:
  func.return %y : f64
^b:
  %y = arith.mulf %x, %x : f64
  cf.cond_br %c, ^b, ^d
}

// -----

// What can't be reached is not checked.
func.func @unreachable(%x: f64) -> f64 {
  func.return %x : f64
^dead:
  %z = arith.addf %x, %y : f64
  %y = arith.mulf %x, %x : f64
  cf.br ^dead
}
