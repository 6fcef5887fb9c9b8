// RUN: dialectad-opt -p gather-adjoints --split-input-file %s | filecheck %s

// What an iteration adds to two neighbours is gathered; the first and the last addend have a loop each.
func.func @neighbours(%d: memref<64xf64>, %x: memref<64xf64>, %l: index, %n: index) {
  %c1 = arith.constant 1 : index
  scf.for %i = %l to %n step %c1 {
    %a = memref.load %x[%i] : memref<64xf64>
    %0 = memref.load %d[%i] : memref<64xf64>
    %1 = arith.addf %0, %a : f64
    memref.store %1, %d[%i] : memref<64xf64>
    %j = arith.addi %i, %c1 : index
    %2 = memref.load %d[%j] : memref<64xf64>
    %3 = arith.subf %2, %a : f64
    memref.store %3, %d[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @neighbours(
// CHECK:           %[[END:.*]] = arith.minsi %{{.*}}, %n : index
// CHECK:           scf.for %[[I:.*]] = %l to %[[END]]
// CHECK:             memref.load %d[%[[I]]]
// CHECK:             arith.addf
// CHECK:           } {dialectad.loop = {{.*}}vectorize.enable", false
// CHECK:           scf.for %[[J:.*]] = %{{.*}} to %n
// CHECK:             memref.load %d[%[[J]]]
// CHECK:             memref.load %x[%[[J]]]
// CHECK:             arith.addf
// CHECK:             %[[BEFORE:.*]] = arith.addi %[[J]], %{{.*}}
// CHECK:             memref.load %x[%[[BEFORE]]]
// CHECK:             arith.subf
// CHECK:             memref.store %{{.*}}, %d[%[[J]]]
// CHECK-NOT:         memref.store
// CHECK:           scf.for
// CHECK:             arith.subf
// CHECK:           } {dialectad.loop
// CHECK-NOT:       scf.for

// -----

// The elements are read for something else, too: the order of the sums matters.
func.func @read_too(%d: memref<64xf64>, %x: memref<64xf64>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.load %d[%i] : memref<64xf64>
    %j = arith.addi %i, %c1 : index
    %0 = memref.load %d[%j] : memref<64xf64>
    %1 = arith.addf %0, %a : f64
    memref.store %1, %d[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @read_too(
// CHECK:           scf.for
// CHECK-NOT:       scf.for

// -----

// What is added is cleared: the sums come first, and the clearing has a loop of its own.
func.func @cleared(%d: memref<64xf64>, %x: memref<64xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c60 = arith.constant 60 : index
  %zero = arith.constant 0.0 : f64
  scf.for %i = %c0 to %c60 step %c1 {
    %a = memref.load %x[%i] : memref<64xf64>
    %0 = memref.load %d[%i] : memref<64xf64>
    %1 = arith.addf %0, %a : f64
    memref.store %1, %d[%i] : memref<64xf64>
    %j = arith.addi %i, %c1 : index
    %2 = memref.load %d[%j] : memref<64xf64>
    %3 = arith.addf %2, %a : f64
    memref.store %3, %d[%j] : memref<64xf64>
    memref.store %zero, %x[%i] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @cleared(
// CHECK-COUNT-3:   memref.store %{{.*}}, %d
// CHECK:           scf.for %[[I:.*]] = %c0 to %c60
// CHECK-NEXT:        memref.store %zero, %x[%[[I]]]

// -----

// The same through pointers, as the level `llvm` has it.
func.func @pointers(%d: !llvm.ptr {llvm.noalias}, %x: !llvm.ptr {llvm.noalias}) {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c60 = arith.constant 60 : i64
  %next = llvm.getelementptr %d[8] : (!llvm.ptr) -> !llvm.ptr, i8
  scf.for %i = %c0 to %c60 step %c1 : i64 {
    %from = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %a = llvm.load %from : !llvm.ptr -> f64
    %p = llvm.getelementptr %d[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %q = llvm.getelementptr %next[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %0 = llvm.load %p : !llvm.ptr -> f64
    %1 = arith.addf %0, %a : f64
    llvm.store %1, %p : f64, !llvm.ptr
    %2 = llvm.load %q : !llvm.ptr -> f64
    %3 = arith.addf %2, %a : f64
    llvm.store %3, %q : f64, !llvm.ptr
  }
  func.return
}

// CHECK-LABEL: func.func @pointers(
// CHECK-COUNT-3:   llvm.store
// CHECK-NOT:       llvm.store

// -----

// Pointers that nothing is known of may point to the same memory.
func.func @unknown(%d: !llvm.ptr, %x: !llvm.ptr) {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c60 = arith.constant 60 : i64
  %next = llvm.getelementptr %d[8] : (!llvm.ptr) -> !llvm.ptr, i8
  scf.for %i = %c0 to %c60 step %c1 : i64 {
    %from = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %a = llvm.load %from : !llvm.ptr -> f64
    %p = llvm.getelementptr %d[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %q = llvm.getelementptr %next[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %0 = llvm.load %p : !llvm.ptr -> f64
    %1 = arith.addf %0, %a : f64
    llvm.store %1, %p : f64, !llvm.ptr
    %2 = llvm.load %q : !llvm.ptr -> f64
    %3 = arith.addf %2, %a : f64
    llvm.store %3, %q : f64, !llvm.ptr
  }
  func.return
}

// CHECK-LABEL: func.func @unknown(
// CHECK-COUNT-2:   llvm.store
// CHECK-NOT:       llvm.store
