// RUN: dialectad-opt -p lift-cf-to-scf --split-input-file %s | filecheck %s

// A counted loop as LLVM rotates it: its guard only keeps it from running when there is nothing to do.
llvm.func @counted(%n: i64, %x: f64) -> f64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  %any = llvm.icmp "sgt" %n, %c0 : i64
  llvm.cond_br %any, ^loop(%c0, %x : i64, f64), ^out(%x : f64)
^loop(%i: i64, %a: f64):
  %f = llvm.sitofp %i : i64 to f64
  %b = llvm.fmul %a, %f : f64
  %i1 = llvm.add %i, %c1 overflow<nsw, nuw> : i64
  %end = llvm.icmp "eq" %i1, %n : i64
  llvm.cond_br %end, ^out(%b : f64), ^loop(%i1, %b : i64, f64)
^out(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @counted
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) : i64 {
// CHECK-NEXT:        %f = llvm.sitofp %i : i64 to f64
// CHECK-NEXT:        %b = llvm.fmul %a, %f : f64
// CHECK-NEXT:        scf.yield %b : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

// Counting down: the loop runs over the number of the iteration.
llvm.func @down(%n: i64, %p: !llvm.ptr) {
  %c0 = llvm.mlir.constant(0) : i64
  %cm1 = llvm.mlir.constant(-1) : i64
  %any = llvm.icmp "sgt" %n, %c0 : i64
  llvm.cond_br %any, ^start, ^out
^start:
  %last = llvm.add %n, %cm1 overflow<nsw> : i64
  llvm.br ^loop(%last : i64)
^loop(%i: i64):
  llvm.store %i, %p : i64, !llvm.ptr
  %i1 = llvm.add %i, %cm1 overflow<nsw> : i64
  %more = llvm.icmp "sgt" %i, %c0 : i64
  llvm.cond_br %more, ^loop(%i1 : i64), ^out
^out:
  llvm.return
}

// CHECK-LABEL: llvm.func @down
// CHECK-NEXT:      %0 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %cm1 = llvm.mlir.constant(-1) : i64
// CHECK-NEXT:      %last = llvm.add %n, %cm1 overflow<nsw> : i64
// CHECK-NEXT:      scf.for %1 = %c0 to %n step %0 : i64 {
// CHECK-NEXT:        %2 = llvm.sub %last, %1 : i64
// CHECK-NEXT:        llvm.store %2, %p : i64, !llvm.ptr
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return
// CHECK-NEXT:    }

// -----

// A pointer that advances, and a second counter: both are computed, not carried.
llvm.func @pointer(%n: i64, %p: !llvm.ptr) -> i64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  %c5 = llvm.mlir.constant(5) : i64
  llvm.br ^loop(%c0, %p, %n : i64, !llvm.ptr, i64)
^loop(%i: i64, %q: !llvm.ptr, %j: i64):
  llvm.store %j, %q : i64, !llvm.ptr
  %i1 = llvm.add %i, %c1 : i64
  %q1 = llvm.getelementptr inbounds %q[2] : (!llvm.ptr) -> !llvm.ptr, i64
  %j1 = llvm.sub %j, %c5 : i64
  %more = llvm.icmp "ne" %i1, %n : i64
  llvm.cond_br %more, ^loop(%i1, %q1, %j1 : i64, !llvm.ptr, i64), ^out
^out:
  llvm.return %j1 : i64
}

// CHECK-LABEL: llvm.func @pointer
// CHECK-NEXT:      %0 = llvm.mlir.constant(2) : i64
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %c5 = llvm.mlir.constant(5) : i64
// CHECK-NEXT:      scf.for %i = %c0 to %n step %c1 : i64 {
// CHECK-NEXT:        %1 = llvm.mul %i, %0 : i64
// CHECK-NEXT:        %2 = llvm.getelementptr inbounds %p[%1] : (!llvm.ptr, i64) -> !llvm.ptr, i64
// CHECK-NEXT:        %3 = llvm.mul %i, %c5 : i64
// CHECK-NEXT:        %4 = llvm.sub %n, %3 : i64
// CHECK-NEXT:        llvm.store %4, %2 : i64, !llvm.ptr
// CHECK-NEXT:      }
// CHECK-NEXT:      %5 = llvm.mul %n, %c5 : i64
// CHECK-NEXT:      %6 = llvm.sub %n, %5 : i64
// CHECK-NEXT:      llvm.return %6 : i64
// CHECK-NEXT:    }

// -----

// Without a guard the loop runs at least once.
llvm.func @at_least_once(%m: i64, %n: i64, %p: !llvm.ptr) {
  %c2 = llvm.mlir.constant(2) : i64
  llvm.br ^loop(%m : i64)
^loop(%i: i64):
  llvm.store %i, %p : i64, !llvm.ptr
  %i1 = llvm.add %i, %c2 overflow<nsw> : i64
  %more = llvm.icmp "slt" %i1, %n : i64
  llvm.cond_br %more, ^loop(%i1 : i64), ^out
^out:
  llvm.return
}

// CHECK-LABEL: llvm.func @at_least_once
// CHECK-NEXT:      %0 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %c2 = llvm.mlir.constant(2) : i64
// CHECK-NEXT:      %1 = llvm.add %m, %0 : i64
// CHECK-NEXT:      %2 = llvm.icmp "slt" %n, %1 : i64
// CHECK-NEXT:      %3 = llvm.select %2, %1, %n : i1, i64
// CHECK-NEXT:      scf.for %i = %m to %3 step %c2 : i64 {
// CHECK-NEXT:        llvm.store %i, %p : i64, !llvm.ptr
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return
// CHECK-NEXT:    }

// -----

// What the last iteration computes is a result, though nothing is carried.
llvm.func @last(%n: i64, %x: f64, %p: !llvm.ptr) -> f64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  %any = llvm.icmp "sgt" %n, %c0 : i64
  llvm.cond_br %any, ^loop(%c0 : i64), ^out(%x : f64)
^loop(%i: i64):
  %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %v = llvm.load %q : !llvm.ptr -> f64
  %i1 = llvm.add %i, %c1 overflow<nsw> : i64
  %more = llvm.icmp "slt" %i1, %n : i64
  llvm.cond_br %more, ^loop(%i1 : i64), ^out(%v : f64)
^out(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @last
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %r = scf.for %i = %c0 to %n step %c1 iter_args(%0 = %x) -> (f64) : i64 {
// CHECK-NEXT:        %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
// CHECK-NEXT:        %v = llvm.load %q : !llvm.ptr -> f64
// CHECK-NEXT:        scf.yield %v : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

llvm.func @nest(%n: i64, %p: !llvm.ptr, %x: f64) -> f64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  %any = llvm.icmp "sgt" %n, %c0 : i64
  llvm.cond_br %any, ^outer(%c0, %x : i64, f64), ^out(%x : f64)
^outer(%i: i64, %a: f64):
  %row = llvm.mul %i, %n : i64
  llvm.br ^inner(%i, %a : i64, f64)
^inner(%j: i64, %b: f64):
  %k = llvm.add %row, %j : i64
  %q = llvm.getelementptr %p[%k] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %v = llvm.load %q : !llvm.ptr -> f64
  %c = llvm.fadd %b, %v : f64
  %j1 = llvm.add %j, %c1 overflow<nsw, nuw> : i64
  %inner_end = llvm.icmp "eq" %j1, %n : i64
  llvm.cond_br %inner_end, ^latch, ^inner(%j1, %c : i64, f64)
^latch:
  %i1 = llvm.add %i, %c1 overflow<nsw, nuw> : i64
  %end = llvm.icmp "eq" %i1, %n : i64
  llvm.cond_br %end, ^out(%c : f64), ^outer(%i1, %c : i64, f64)
^out(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @nest
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) : i64 {
// CHECK-NEXT:        %row = llvm.mul %i, %n : i64
// CHECK-NEXT:        %0 = scf.for %j = %i to %n step %c1 iter_args(%b = %a) -> (f64) : i64 {
// CHECK-NEXT:          %k = llvm.add %row, %j : i64
// CHECK-NEXT:          %q = llvm.getelementptr %p[%k] : (!llvm.ptr, i64) -> !llvm.ptr, f64
// CHECK-NEXT:          %v = llvm.load %q : !llvm.ptr -> f64
// CHECK-NEXT:          %c = llvm.fadd %b, %v : f64
// CHECK-NEXT:          scf.yield %c : f64
// CHECK-NEXT:        }
// CHECK-NEXT:        scf.yield %0 : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

// Tested before each iteration, as convert-scf-to-cf leaves it.
llvm.func @tested_first(%m: i64, %n: i64, %x: f64) -> f64 {
  %c3 = llvm.mlir.constant(3) : i64
  llvm.br ^head(%m, %x : i64, f64)
^head(%i: i64, %a: f64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^out
^body:
  %b = llvm.fmul %a, %a : f64
  %i1 = llvm.add %i, %c3 : i64
  llvm.br ^head(%i1, %b : i64, f64)
^out:
  llvm.return %a : f64
}

// CHECK-LABEL: llvm.func @tested_first
// CHECK-NEXT:      %c3 = llvm.mlir.constant(3) : i64
// CHECK-NEXT:      %a = scf.for %i = %m to %n step %c3 iter_args(%a_1 = %x) -> (f64) : i64 {
// CHECK-NEXT:        %b = llvm.fmul %a_1, %a_1 : f64
// CHECK-NEXT:        scf.yield %b : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %a : f64
// CHECK-NEXT:    }

// -----

// LLVM's way to run something twice.
llvm.func @twice(%p: !llvm.ptr) {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  llvm.br ^loop(%c0 : i64)
^loop(%i: i64):
  llvm.store %i, %p : i64, !llvm.ptr
  %i1 = llvm.add %i, %c1 : i64
  %more = llvm.icmp "eq" %i, %c0 : i64
  llvm.cond_br %more, ^loop(%i1 : i64), ^out
^out:
  llvm.return
}

// CHECK-LABEL: llvm.func @twice
// CHECK-NEXT:      %0 = llvm.mlir.constant(2) : i64
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      scf.for %i = %c0 to %0 step %c1 : i64 {
// CHECK-NEXT:        llvm.store %i, %p : i64, !llvm.ptr
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return
// CHECK-NEXT:    }

// -----

// Equality of narrow numbers: the count is taken before they are widened.
llvm.func @narrow(%m: i32, %n: i32, %p: !llvm.ptr) {
  %c1 = llvm.mlir.constant(1 : i32) : i32
  llvm.br ^loop(%m : i32)
^loop(%i: i32):
  llvm.store %i, %p : i32, !llvm.ptr
  %i1 = llvm.add %i, %c1 : i32
  %more = llvm.icmp "ne" %i1, %n : i32
  llvm.cond_br %more, ^loop(%i1 : i32), ^out
^out:
  llvm.return
}

// CHECK-LABEL: llvm.func @narrow
// CHECK-NEXT:      %0 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %1 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1 : i32) : i32
// CHECK-NEXT:      %2 = llvm.add %m, %c1 : i32
// CHECK-NEXT:      %3 = llvm.sub %n, %2 : i32
// CHECK-NEXT:      %4 = llvm.zext %3 : i32 to i64
// CHECK-NEXT:      %5 = llvm.add %4, %0 : i64
// CHECK-NEXT:      scf.for %6 = %1 to %5 step %0 : i64 {
// CHECK-NEXT:        %7 = llvm.trunc %6 : i64 to i32
// CHECK-NEXT:        %8 = llvm.add %m, %7 : i32
// CHECK-NEXT:        llvm.store %8, %p : i32, !llvm.ptr
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return
// CHECK-NEXT:    }

// -----

// Until convergence.
llvm.func @converge(%x: f64, %tolerance: f64) -> f64 {
  %half = llvm.mlir.constant(0.5 : f64) : f64
  llvm.br ^loop(%x : f64)
^loop(%y: f64):
  %q = llvm.fdiv %x, %y : f64
  %s = llvm.fadd %y, %q : f64
  %z = llvm.fmul %s, %half : f64
  %d = llvm.fsub %z, %y : f64
  %more = llvm.fcmp "ogt" %d, %tolerance : f64
  llvm.cond_br %more, ^loop(%z : f64), ^out
^out:
  llvm.return %z : f64
}

// CHECK-LABEL: llvm.func @converge
// CHECK-NEXT:      %half = llvm.mlir.constant(5.000000e-01 : f64) : f64
// CHECK-NEXT:      %0 = scf.while (%y = %x) : (f64) -> f64 {
// CHECK-NEXT:        %q = llvm.fdiv %x, %y : f64
// CHECK-NEXT:        %s = llvm.fadd %y, %q : f64
// CHECK-NEXT:        %z = llvm.fmul %s, %half : f64
// CHECK-NEXT:        %d = llvm.fsub %z, %y : f64
// CHECK-NEXT:        %more = llvm.fcmp "ogt" %d, %tolerance : f64
// CHECK-NEXT:        scf.condition(%more) %z : f64
// CHECK-NEXT:      } do {
// CHECK-NEXT:      ^bb0(%1: f64):
// CHECK-NEXT:        scf.yield %1 : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %0 : f64
// CHECK-NEXT:    }

// -----

// Left in the middle of an iteration.
llvm.func @middle(%x: f64, %p: !llvm.ptr) -> f64 {
  llvm.br ^loop(%x : f64)
^loop(%y: f64):
  %l = llvm.load %p : !llvm.ptr -> f64
  %s = llvm.fadd %l, %y : f64
  %end = llvm.fcmp "ogt" %s, %x : f64
  llvm.cond_br %end, ^out, ^rest
^rest:
  llvm.store %s, %p : f64, !llvm.ptr
  %z = llvm.fmul %y, %l : f64
  llvm.br ^loop(%z : f64)
^out:
  llvm.return %l : f64
}

// CHECK-LABEL: llvm.func @middle
// CHECK-NEXT:      %0 = llvm.mlir.constant(true) : i1
// CHECK-NEXT:      %1, %2, %3 = scf.while (%y = %x) : (f64) -> (f64, f64, f64) {
// CHECK-NEXT:        %l = llvm.load %p : !llvm.ptr -> f64
// CHECK-NEXT:        %s = llvm.fadd %l, %y : f64
// CHECK-NEXT:        %end = llvm.fcmp "ogt" %s, %x : f64
// CHECK-NEXT:        %4 = llvm.xor %end, %0 : i1
// CHECK-NEXT:        scf.condition(%4) %l, %y, %s : f64, f64, f64
// CHECK-NEXT:      } do {
// CHECK-NEXT:      ^bb0(%l_1: f64, %y_1: f64, %s_1: f64):
// CHECK-NEXT:        llvm.store %s_1, %p : f64, !llvm.ptr
// CHECK-NEXT:        %z = llvm.fmul %y_1, %l_1 : f64
// CHECK-NEXT:        scf.yield %z : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %1 : f64
// CHECK-NEXT:    }

// -----

// Two exits, to two places.
llvm.func @two_exits(%n: i64, %p: !llvm.ptr) -> i64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  llvm.br ^loop(%c0 : i64)
^loop(%i: i64):
  %v = llvm.load %p : !llvm.ptr -> i64
  %found = llvm.icmp "eq" %v, %i : i64
  llvm.cond_br %found, ^found, ^latch
^latch:
  %i1 = llvm.add %i, %c1 : i64
  %more = llvm.icmp "ne" %i1, %n : i64
  llvm.cond_br %more, ^loop(%i1 : i64), ^out(%c0 : i64)
^found:
  llvm.store %i, %p : i64, !llvm.ptr
  llvm.br ^out(%v : i64)
^out(%r: i64):
  llvm.return %r : i64
}

// CHECK-LABEL: llvm.func @two_exits
// CHECK-NEXT:      %0 = llvm.mlir.constant(false) : i1
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %1, %2, %3, %4 = scf.while (%i = %c0) : (i64) -> (i64, i1, i64, i64) {
// CHECK-NEXT:        %v = llvm.load %p : !llvm.ptr -> i64
// CHECK-NEXT:        %found = llvm.icmp "eq" %v, %i : i64
// CHECK-NEXT:        %i1 = llvm.add %i, %c1 : i64
// CHECK-NEXT:        %more = llvm.icmp "ne" %i1, %n : i64
// CHECK-NEXT:        %5 = llvm.select %found, %0, %more : i1, i1
// CHECK-NEXT:        scf.condition(%5) %i1, %found, %i, %v : i64, i1, i64, i64
// CHECK-NEXT:      } do {
// CHECK-NEXT:      ^bb0(%6: i64, %7: i1, %8: i64, %9: i64):
// CHECK-NEXT:        scf.yield %6 : i64
// CHECK-NEXT:      }
// CHECK-NEXT:      %r = scf.if %2 -> (i64) {
// CHECK-NEXT:        llvm.store %3, %p : i64, !llvm.ptr
// CHECK-NEXT:        scf.yield %4 : i64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %c0 : i64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : i64
// CHECK-NEXT:    }

// -----

llvm.func @diamond(%c: i1, %x: f64) -> f64 {
  llvm.cond_br %c, ^a, ^b
^a:
  %y = llvm.fmul %x, %x : f64
  llvm.br ^join(%y : f64)
^b:
  %z = llvm.fneg %x : f64
  llvm.br ^join(%z : f64)
^join(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @diamond
// CHECK-NEXT:      %r = scf.if %c -> (f64) {
// CHECK-NEXT:        %y = llvm.fmul %x, %x : f64
// CHECK-NEXT:        scf.yield %y : f64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        %z = llvm.fneg %x : f64
// CHECK-NEXT:        scf.yield %z : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

llvm.func @triangle(%c: i1, %x: f64, %p: !llvm.ptr) -> f64 {
  llvm.cond_br %c, ^a, ^join(%x : f64)
^a:
  %y = llvm.fmul %x, %x : f64
  llvm.store %y, %p : f64, !llvm.ptr
  llvm.br ^join(%y : f64)
^join(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @triangle
// CHECK-NEXT:      %r = scf.if %c -> (f64) {
// CHECK-NEXT:        %y = llvm.fmul %x, %x : f64
// CHECK-NEXT:        llvm.store %y, %p : f64, !llvm.ptr
// CHECK-NEXT:        scf.yield %y : f64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %x : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

llvm.func @same_target(%c: i1, %x: f64, %y: f64) -> f64 {
  llvm.cond_br %c, ^join(%x : f64), ^join(%y : f64)
^join(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @same_target
// CHECK-NEXT:      %0 = llvm.select %c, %x, %y : i1, f64
// CHECK-NEXT:      llvm.return %0 : f64
// CHECK-NEXT:    }

// -----

// p and q: the block for `else` is reached from two places, and stays one.
llvm.func @and(%p: i1, %x: f64, %a: !llvm.ptr) -> f64 {
  llvm.cond_br %p, ^second, ^otherwise
^second:
  %y = llvm.load %a : !llvm.ptr -> f64
  %q = llvm.fcmp "ogt" %y, %x : f64
  llvm.cond_br %q, ^both, ^otherwise
^both:
  %z = llvm.fadd %y, %x : f64
  llvm.br ^join(%z : f64)
^otherwise:
  %w = llvm.fneg %x : f64
  llvm.br ^join(%w : f64)
^join(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @and
// CHECK-NEXT:      %0 = llvm.mlir.constant(true) : i1
// CHECK-NEXT:      %1 = llvm.mlir.poison : f64
// CHECK-NEXT:      %2, %3 = scf.if %p -> (i1, f64) {
// CHECK-NEXT:        %y = llvm.load %a : !llvm.ptr -> f64
// CHECK-NEXT:        %q = llvm.fcmp "ogt" %y, %x : f64
// CHECK-NEXT:        %4 = llvm.xor %q, %0 : i1
// CHECK-NEXT:        %5 = scf.if %q -> (f64) {
// CHECK-NEXT:          %z = llvm.fadd %y, %x : f64
// CHECK-NEXT:          scf.yield %z : f64
// CHECK-NEXT:        } else {
// CHECK-NEXT:          scf.yield %1 : f64
// CHECK-NEXT:        }
// CHECK-NEXT:        scf.yield %4, %5 : i1, f64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %0, %1 : i1, f64
// CHECK-NEXT:      }
// CHECK-NEXT:      %r = scf.if %2 -> (f64) {
// CHECK-NEXT:        %w = llvm.fneg %x : f64
// CHECK-NEXT:        scf.yield %w : f64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %3 : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

llvm.func @switch(%i: i32, %x: f64) -> f64 {
  llvm.switch %i : i32, ^other [
    0: ^zero,
    7: ^out(%x : f64)
  ]
^zero:
  %y = llvm.fmul %x, %x : f64
  llvm.br ^out(%y : f64)
^other:
  %z = llvm.fneg %x : f64
  llvm.br ^out(%z : f64)
^out(%r: f64):
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @switch
// CHECK-NEXT:      %0 = llvm.mlir.constant(7 : i32) : i32
// CHECK-NEXT:      %1 = llvm.mlir.constant(0 : i32) : i32
// CHECK-NEXT:      %2 = llvm.icmp "eq" %i, %1 : i32
// CHECK-NEXT:      %r = scf.if %2 -> (f64) {
// CHECK-NEXT:        %y = llvm.fmul %x, %x : f64
// CHECK-NEXT:        scf.yield %y : f64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        %3 = llvm.icmp "eq" %i, %0 : i32
// CHECK-NEXT:        %4 = scf.if %3 -> (f64) {
// CHECK-NEXT:          scf.yield %x : f64
// CHECK-NEXT:        } else {
// CHECK-NEXT:          %z = llvm.fneg %x : f64
// CHECK-NEXT:          scf.yield %z : f64
// CHECK-NEXT:        }
// CHECK-NEXT:        scf.yield %4 : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %r : f64
// CHECK-NEXT:    }

// -----

// A check that ends the function with a status.
llvm.func @status(%x: f64, %p: !llvm.ptr) -> i64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  %zero = llvm.mlir.constant(0.0 : f64) : f64
  %ok = llvm.fcmp "ogt" %x, %zero : f64
  llvm.cond_br %ok, ^go, ^exit(%c1 : i64)
^go:
  llvm.store %x, %p : f64, !llvm.ptr
  llvm.return %c0 : i64
^exit(%s: i64):
  llvm.return %s : i64
}

// CHECK-LABEL: llvm.func @status
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %zero = llvm.mlir.constant(0.000000e+00 : f64) : f64
// CHECK-NEXT:      %ok = llvm.fcmp "ogt" %x, %zero : f64
// CHECK-NEXT:      %0 = scf.if %ok -> (i64) {
// CHECK-NEXT:        llvm.store %x, %p : f64, !llvm.ptr
// CHECK-NEXT:        scf.yield %c0 : i64
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %c1 : i64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %0 : i64
// CHECK-NEXT:    }

// -----

// What doesn't come back isn't an exit: the loop stays counted.
llvm.func @dead_end(%n: i64, %p: !llvm.ptr) {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  llvm.br ^loop(%c0 : i64)
^loop(%i: i64):
  %v = llvm.load %p : !llvm.ptr -> i64
  %bad = llvm.icmp "eq" %v, %i : i64
  llvm.cond_br %bad, ^dead, ^latch
^dead:
  llvm.call @abort() : () -> ()
  llvm.unreachable
^latch:
  %i1 = llvm.add %i, %c1 : i64
  %more = llvm.icmp "ne" %i1, %n : i64
  llvm.cond_br %more, ^loop(%i1 : i64), ^out
^out:
  llvm.return
}
llvm.func @abort()

// CHECK-LABEL: llvm.func @dead_end
// CHECK-NEXT:      %c0 = llvm.mlir.constant(0) : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      scf.for %i = %c0 to %n step %c1 : i64 {
// CHECK-NEXT:        %v = llvm.load %p : !llvm.ptr -> i64
// CHECK-NEXT:        %bad = llvm.icmp "eq" %v, %i : i64
// CHECK-NEXT:        scf.if %bad {
// CHECK-NEXT:          llvm.call @abort() : () -> ()
// CHECK-NEXT:        }
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return
// CHECK-NEXT:    }

// -----

// Entered at two places: a flag says where the next iteration begins.
llvm.func @irreducible(%c: i1, %n: i64) -> i64 {
  %c1 = llvm.mlir.constant(1) : i64
  llvm.cond_br %c, ^a(%n : i64), ^b(%c1 : i64)
^a(%x: i64):
  %x1 = llvm.add %x, %c1 : i64
  llvm.br ^b(%x1 : i64)
^b(%y: i64):
  %y1 = llvm.mul %y, %y : i64
  %more = llvm.icmp "slt" %y1, %n : i64
  llvm.cond_br %more, ^a(%y1 : i64), ^out
^out:
  llvm.return %y1 : i64
}

// CHECK-LABEL: llvm.func @irreducible
// CHECK-NEXT:      %0 = llvm.mlir.constant(true) : i1
// CHECK-NEXT:      %1 = llvm.mlir.poison : i64
// CHECK-NEXT:      %2 = llvm.mlir.constant(false) : i1
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      %3 = llvm.select %c, %n, %1 : i1, i64
// CHECK-NEXT:      %4 = llvm.select %c, %1, %c1 : i1, i64
// CHECK-NEXT:      %5, %6, %7 = scf.while (%8 = %c, %x = %3, %y = %4) : (i1, i64, i64) -> (i1, i64, i64) {
// CHECK-NEXT:        %9, %10, %11, %12 = scf.if %8 -> (i1, i1, i64, i64) {
// CHECK-NEXT:          %x1 = llvm.add %x, %c1 : i64
// CHECK-NEXT:          scf.yield %0, %2, %1, %x1 : i1, i1, i64, i64
// CHECK-NEXT:        } else {
// CHECK-NEXT:          %y1 = llvm.mul %y, %y : i64
// CHECK-NEXT:          %more = llvm.icmp "slt" %y1, %n : i64
// CHECK-NEXT:          scf.yield %more, %0, %y1, %1 : i1, i1, i64, i64
// CHECK-NEXT:        }
// CHECK-NEXT:        scf.condition(%9) %10, %11, %12 : i1, i64, i64
// CHECK-NEXT:      } do {
// CHECK-NEXT:      ^bb0(%13: i1, %14: i64, %15: i64):
// CHECK-NEXT:        scf.yield %13, %14, %15 : i1, i64, i64
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %6 : i64
// CHECK-NEXT:    }

// -----

llvm.func @forever(%p: !llvm.ptr) -> i64 {
  %c1 = llvm.mlir.constant(1) : i64
  llvm.br ^loop
^loop:
  llvm.store %c1, %p : i64, !llvm.ptr
  llvm.br ^loop
}

// CHECK-LABEL: llvm.func @forever
// CHECK-NEXT:      %0 = llvm.mlir.constant(true) : i1
// CHECK-NEXT:      %1 = llvm.mlir.poison : i64
// CHECK-NEXT:      %c1 = llvm.mlir.constant(1) : i64
// CHECK-NEXT:      scf.while () : () -> () {
// CHECK-NEXT:        llvm.store %c1, %p : i64, !llvm.ptr
// CHECK-NEXT:        scf.condition(%0)
// CHECK-NEXT:      } do {
// CHECK-NEXT:        scf.yield
// CHECK-NEXT:      }
// CHECK-NEXT:      llvm.return %1 : i64
// CHECK-NEXT:    }
