// RUN: dialectad-opt -p "cut-functions{largest=3 part=4}" --split-input-file %s | filecheck %s

// The loop, and what follows up to ^last, become a function: it takes what it uses, copies constants, and
// gives the status that it leaves with, or 0 and in a slot what ^last takes.
// CHECK-LABEL: llvm.func @f(
// CHECK: [[SLOT:%\d+]] = llvm.alloca
// CHECK: [[STATUS:%\d+]] = llvm.call @f.part0(%n, %x, %a, %c, {{%\d+}}, [[SLOT]])
// CHECK-NEXT: [[GIVEN:%\d+]] = llvm.load [[SLOT]]
// CHECK-NEXT: [[FAILED:%\d+]] = llvm.icmp "ne" [[STATUS]]
// CHECK-NEXT: llvm.cond_br [[FAILED]], ^exit([[STATUS]] : i64), ^last([[GIVEN]] : i64)
// CHECK-NEXT: ^last(%k: i64):
// CHECK: ^exit(%status: i64):
// CHECK: llvm.func internal @f.part0(
// CHECK-SAME: !llvm.ptr {llvm.noalias, llvm.dereferenceable = 8 : i64, llvm.align = 8 : i64}
// CHECK-SAME: no_inline
// CHECK-NEXT: llvm.mlir.constant(1)
// CHECK-NEXT: llvm.br ^head(
// CHECK: ^head(%i: i64):
// CHECK: ^going:
// CHECK: ^{{.*}}([[TWICE:%\d+]]: i64):
// CHECK-NEXT: llvm.store [[TWICE]]
// CHECK: llvm.return
llvm.func @f(%x: !llvm.ptr {llvm.noalias, llvm.dereferenceable = 32 : i64}, %n: i64, %c: i1) -> i64 {
  %c0 = llvm.mlir.constant(0 : i64) : i64
  %c1 = llvm.mlir.constant(1 : i64) : i64
  %a = llvm.alloca %c1 x f64 {alignment = 8 : i64} : (i64) -> !llvm.ptr
  llvm.br ^head(%c0 : i64)
^head(%i: i64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^after
^body:
  %p = llvm.getelementptr inbounds %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %v = llvm.load %p : !llvm.ptr -> f64
  llvm.store %v, %a : f64, !llvm.ptr
  %next = llvm.add %i, %c1 : i64
  llvm.br ^head(%next : i64)
^after:
  llvm.cond_br %c, ^going, ^exit(%c1 : i64)
^going:
  %twice = llvm.add %i, %i : i64
  llvm.br ^last(%twice : i64)
^last(%k: i64):
  %q = llvm.getelementptr inbounds %x[%k] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %w = llvm.load %a : !llvm.ptr -> f64
  llvm.store %w, %q : f64, !llvm.ptr
  llvm.br ^exit(%c0 : i64)
^exit(%status: i64):
  llvm.return %status : i64
}

// -----

// An address that somebody keeps may be how others reach the memory; and an alloca stays in the function.
// CHECK-LABEL: llvm.func @kept(
// CHECK: llvm.func internal @kept.part0(
// CHECK-NOT: noalias
// CHECK: no_inline
llvm.func @kept(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr) -> i64 {
  %c0 = llvm.mlir.constant(0 : i64) : i64
  llvm.store %x, %y : !llvm.ptr, !llvm.ptr
  llvm.br ^a
^a:
  llvm.br ^b
^b:
  llvm.br ^c
^c:
  llvm.store %c0, %x : i64, !llvm.ptr
  llvm.br ^d
^d:
  llvm.br ^e
^e:
  %frame = llvm.alloca %c0 x i64 : (i64) -> !llvm.ptr
  llvm.br ^f
^f:
  llvm.return %c0 : i64
}

// -----

// An address that one part gives is another way to the memory for the next.
// CHECK-LABEL: llvm.func @given(
// CHECK: llvm.func internal @given.part0(
// CHECK-SAME: !llvm.ptr {llvm.noalias}
// CHECK-SAME: no_inline
// CHECK: llvm.func internal @given.part1(
// CHECK-SAME: {{%\w+}}: !llvm.ptr, {{%\w+}}: !llvm.ptr, {{%\w+}}: !llvm.ptr {llvm.noalias, llvm.dereferenceable = 8 : i64, llvm.align = 8 : i64}) -> i64
llvm.func @given(%x: !llvm.ptr {llvm.noalias}, %n: i64) -> i64 {
  %c0 = llvm.mlir.constant(0 : i64) : i64
  llvm.br ^a
^a:
  llvm.br ^b
^b:
  %q = llvm.getelementptr inbounds %x[%n] : (!llvm.ptr, i64) -> !llvm.ptr, i64
  llvm.store %n, %x : i64, !llvm.ptr
  llvm.br ^c
^c:
  llvm.br ^d
^d:
  llvm.br ^e
^e:
  llvm.br ^f
^f:
  llvm.store %c0, %q : i64, !llvm.ptr
  %v = llvm.load %x : !llvm.ptr -> i64
  llvm.br ^g
^g:
  llvm.br ^h
^h:
  llvm.br ^i
^i:
  llvm.return %v : i64
}
