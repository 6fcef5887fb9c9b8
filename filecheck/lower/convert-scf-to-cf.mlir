// RUN: dialectad-opt -p convert-scf-to-cf --split-input-file %s | filecheck %s

func.func @for(%n: index, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %b = arith.addf %a, %a : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @for
// CHECK:         cf.br ^bb1(%c0, %x : index, f64)
// CHECK-NEXT:  ^bb1(%i: index, %a: f64):
// CHECK-NEXT:    %0 = arith.cmpi slt, %i, %n : index
// CHECK-NEXT:    cf.cond_br %0, ^bb2, ^bb3
// CHECK-NEXT:  ^bb2:
// CHECK-NEXT:    %b = arith.addf %a, %a : f64
// CHECK-NEXT:    %1 = arith.addi %i, %c1 overflow<nsw> : index
// CHECK-NEXT:    cf.br ^bb1(%1, %b : index, f64)
// CHECK-NEXT:  ^bb3:
// CHECK-NEXT:    func.return %a : f64

// -----

// A step that isn't one may pass the greatest integer.
func.func @step(%n: index, %s: index) {
  %c0 = arith.constant 0 : index
  scf.for %i = %c0 to %n step %s {
  }
  func.return
}

// CHECK-LABEL: func.func @step
// CHECK:         arith.addi %i, %s : index

// -----

func.func @while(%x: f64, %c: i1) -> f64 {
  %r = scf.while (%a = %x) : (f64) -> f64 {
    scf.condition(%c) %a : f64
  } do {
  ^bb0(%b: f64):
    %d = arith.addf %b, %b : f64
    scf.yield %d : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @while
// CHECK:         cf.br ^bb1(%x : f64)
// CHECK-NEXT:  ^bb1(%a: f64):
// CHECK-NEXT:    cf.cond_br %c, ^bb2, ^bb3
// CHECK-NEXT:  ^bb2:
// CHECK-NEXT:    %d = arith.addf %a, %a : f64
// CHECK-NEXT:    cf.br ^bb1(%d : f64)
// CHECK-NEXT:  ^bb3:
// CHECK-NEXT:    func.return %a : f64

// -----

func.func @if(%c: i1, %x: f64) -> f64 {
  %r = scf.if %c -> (f64) {
    %y = arith.addf %x, %x : f64
    scf.yield %y : f64
  } else {
    scf.yield %x : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @if
// CHECK:         cf.cond_br %c, ^bb1, ^bb2
// CHECK-NEXT:  ^bb1:
// CHECK-NEXT:    %y = arith.addf %x, %x : f64
// CHECK-NEXT:    cf.br ^bb3(%y : f64)
// CHECK-NEXT:  ^bb2:
// CHECK-NEXT:    cf.br ^bb3(%x : f64)
// CHECK-NEXT:  ^bb3(%r: f64):
// CHECK-NEXT:    func.return %r : f64

// -----

func.func @if_without_else(%c: i1, %x: f64, %m: memref<f64>) {
  scf.if %c {
    memref.store %x, %m[] : memref<f64>
  }
  func.return
}

// CHECK-LABEL: func.func @if_without_else
// CHECK:         cf.cond_br %c, ^bb1, ^bb2
// CHECK-NEXT:  ^bb1:
// CHECK-NEXT:    memref.store
// CHECK-NEXT:    cf.br ^bb2
// CHECK-NEXT:  ^bb2:
// CHECK-NEXT:    func.return

// -----

// A cache is freed at the end of the block that holds it.
func.func @cache(%n: index, %x: f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %c = "ad.cache"() : () -> !ad.cache<f64>
    "ad.push"(%c, %x) : (!ad.cache<f64>, f64) -> ()
  }
  func.return
}

// CHECK-LABEL: func.func @cache
// CHECK:         "ad.push"
// CHECK-NEXT:    "ad.release"(%c)
// CHECK-NEXT:    arith.addi

// -----

// In an `llvm.func` everything stays in the `llvm` dialect.
llvm.func @llvm(%n: i64, %x: f64, %c: i1) -> f64 {
  %c0 = llvm.mlir.constant(0) : i64
  %c1 = llvm.mlir.constant(1) : i64
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) : i64 {
    %b = scf.if %c -> (f64) {
      %d = llvm.fadd %a, %a : f64
      scf.yield %d : f64
    } else {
      scf.yield %a : f64
    }
    scf.yield %b : f64
  }
  llvm.return %r : f64
}

// CHECK-LABEL: llvm.func @llvm
// CHECK:         llvm.br ^bb1(%c0, %x : i64, f64)
// CHECK-NEXT:  ^bb1(%i: i64, %a: f64):
// CHECK-NEXT:    %0 = llvm.icmp "slt" %i, %n : i64
// CHECK-NEXT:    llvm.cond_br %0, ^bb2, ^bb6
// CHECK-NEXT:  ^bb2:
// CHECK-NEXT:    llvm.cond_br %c, ^bb3, ^bb4
// CHECK-NEXT:  ^bb3:
// CHECK-NEXT:    %d = llvm.fadd %a, %a : f64
// CHECK-NEXT:    llvm.br ^bb5(%d : f64)
// CHECK-NEXT:  ^bb4:
// CHECK-NEXT:    llvm.br ^bb5(%a : f64)
// CHECK-NEXT:  ^bb5(%b: f64):
// CHECK-NEXT:    %1 = llvm.add %i, %c1 overflow<nsw> : i64
// CHECK-NEXT:    llvm.br ^bb1(%1, %b : i64, f64)
// CHECK-NEXT:  ^bb6:
// CHECK-NEXT:    llvm.return %a : f64
