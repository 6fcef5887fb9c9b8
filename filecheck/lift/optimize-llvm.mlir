// RUN: dialectad-opt %s -p optimize-llvm --rung llvm | filecheck %s

// Memory becomes registers, the square leaves the loop, and the loop tests at its end.
llvm.func internal @f(%p: !llvm.ptr {llvm.noalias, llvm.readonly, dialectad.kept}, %n: i64, %out: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %start = llvm.mlir.constant(0.0 : f64) : f64
  %slot = llvm.alloca %one x f64 : (i64) -> !llvm.ptr
  llvm.store %start, %slot : f64, !llvm.ptr
  llvm.br ^test(%zero : i64)
^test(%i: i64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^out
^body:
  %x = llvm.load %p : !llvm.ptr -> f64
  %xx = llvm.fmul %x, %x : f64
  %s = llvm.load %slot : !llvm.ptr -> f64
  %t = llvm.fadd %s, %xx : f64
  llvm.store %t, %slot : f64, !llvm.ptr
  %next = llvm.add %i, %one overflow<nsw> : i64
  llvm.br ^test(%next : i64) {dialectad.unroll}
^out:
  %sum = llvm.load %slot : !llvm.ptr -> f64
  %ok = llvm.fcmp "oeq" %sum, %sum : f64
  llvm.call @dialectad.assert(%ok, %one) : (i1, i64) -> ()
  llvm.store %sum, %out : f64, !llvm.ptr
  llvm.return %zero : i64
}

// CHECK: llvm.func internal @f(%[[p:.*]]: !llvm.ptr {llvm.noalias, llvm.readonly, dialectad.kept}, %[[n:.*]]: i64, %[[out:.*]]: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
// CHECK-NOT: llvm.alloca
// CHECK: llvm.icmp "sgt" %[[n]]
// CHECK: llvm.cond_br
// CHECK: llvm.load %[[p]]
// CHECK: %[[square:.*]] = llvm.fmul
// CHECK: llvm.br ^[[loop:.*]](
// CHECK: ^[[loop]](%[[i:.*]]: i64, %[[s:.*]]: f64):
// CHECK-NEXT: llvm.fadd %[[square]], %[[s]]
// CHECK-NEXT: llvm.add %[[i]]
// CHECK-NEXT: llvm.icmp "eq" %{{.*}}, %[[n]]
// CHECK-NEXT: llvm.cond_br %{{.*}}, ^{{.*}}, ^[[loop]]({{.*}}) {dialectad.unroll}
// CHECK: llvm.call @dialectad.assert
// CHECK: llvm.store

// A function that isn't marked stays as it is.
llvm.func @g(%x: f64) -> f64 {
  %zero = llvm.mlir.constant(0.0 : f64) : f64
  %y = llvm.fmul %x, %x : f64
  llvm.return %x : f64
}
// CHECK: llvm.func @g
// CHECK: llvm.fmul

llvm.func @dialectad.assert(i1, i64)
