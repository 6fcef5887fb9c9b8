// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @if_yields_another_type(%c: i1, %x: f64, %y: f32) -> f64 {
  // expected-error@+1 {{'scf.yield' yields (f32), expected (f64)}}
  %r = scf.if %c -> (f64) {
    scf.yield %x : f64
  } else {
    scf.yield %y : f32
  }
  func.return %r : f64
}

// -----

func.func @if_without_else(%c: i1, %x: f64) -> f64 {
  // expected-error@+1 {{an 'else' region expected}}
  %r = "scf.if"(%c) ({
    scf.yield %x : f64
  }, {}) : (i1) -> f64
  func.return %r : f64
}

// -----

func.func @for_yields_another_type(%n: index, %x: f64, %y: f32) -> f64 {
  // expected-error@+1 {{Expected yield arg #0 to be f64, but got f32}}
  %r = scf.for %i = %n to %n step %n iter_args(%a = %x) -> (f64) {
    scf.yield %y : f32
  }
  func.return %r : f64
}

// -----

func.func @while_condition(%c: i1, %x: f64, %y: f32) -> f64 {
  // expected-error@+1 {{'scf.condition' yields (f32), expected (f64)}}
  %r = scf.while (%a = %x) : (f64) -> f64 {
    scf.condition(%c) %y : f32
  } do {
  ^b(%a: f64):
    scf.yield %a : f64
  }
  func.return %r : f64
}

// -----

func.func @while_yield(%c: i1, %x: f64, %y: f32) -> f64 {
  // expected-error@+1 {{'scf.yield' yields (f32), expected (f64)}}
  %r = scf.while (%a = %x) : (f64) -> f64 {
    scf.condition(%c) %a : f64
  } do {
  ^b(%a: f64):
    scf.yield %y : f32
  }
  func.return %r : f64
}

// -----

func.func @br(%x: f64) -> f64 {
  // expected-error@+1 {{branches with (), expected (f64)}}
  cf.br ^a
^a(%y: f64):
  func.return %y : f64
}

// -----

func.func @cond_br(%c: i1, %x: f64, %y: f32) -> f64 {
  // expected-error@+1 {{branches with (f32), expected (f64)}}
  cf.cond_br %c, ^a(%x : f64), ^a(%y : f32)
^a(%z: f64):
  func.return %z : f64
}

// -----

// expected-error@+1 {{the entry block of a region can't be branched to}}
"func.func"() <{sym_name = "back_to_entry", function_type = () -> ()}> ({
^entry:
  cf.br ^entry
}) : () -> ()

// -----

func.func @no_terminator(%x: f64) -> f64 {
  // expected-error@+1 {{terminates block in single-block region but is not a terminator}}
  %y = arith.mulf %x, %x : f64
}

// -----

func.func @empty_block() {
  func.return
}
// expected-error@+1 {{holds an empty block}}
func.func @g(%c: i1) {
  cf.br ^a
^a:
}

// -----

func.func @return_type(%x: f32) -> f64 {
  // expected-error@+1 {{Expected arguments to have the same types as the function output types}}
  func.return %x : f32
}

// -----

func.func @call_type(%x: f32) {
  // expected-error@+1 {{operand type mismatch}}
  func.call @g(%x) : (f32) -> ()
  func.return
}
func.func private @g(%x: f64) {
  func.return
}

// -----

func.func @call_nothing(%x: f32) {
  // expected-error@+1 {{could not be found in symbol table}}
  func.call @g(%x) : (f32) -> ()
  func.return
}

// -----

llvm.func @callee(f64) -> f64
llvm.func @call_type(%x: f32) -> f64 {
  // expected-error@+1 {{calls @callee with (f32), expected (f64)}}
  %y = llvm.call @callee(%x) : (f32) -> f64
  llvm.return %y : f64
}

// -----

llvm.func @return_type(%x: f32) -> f64 {
  // expected-error@+1 {{returns (f32), expected (f64)}}
  llvm.return %x : f32
}
