// RUN: dialectad-opt %s -p "cse,dce" --split-input-file | filecheck %s
// RUN: dialectad-opt %s -p "cse,dce" --split-input-file --print-ir-after-all 2>&1 | filecheck --check-prefix=IR %s
// RUN: dialectad-opt %s -p "cse,dce" --split-input-file --timing 2>&1 | filecheck --check-prefix=TIMING %s
// RUN: dialectad-opt --level linalg --print-pipeline | filecheck --check-prefix=LEVEL %s
// RUN: dialectad-opt --level linalg --stage linalg --print-pipeline | filecheck --check-prefix=STAGE %s
// RUN: not dialectad-opt --level nonsense --print-pipeline 2>&1 | filecheck --check-prefix=NOLEVEL %s

// LEVEL: canonicalize,{{.*}}differentiate,{{.*}}bufferize,{{.*}}convert-to-llvm
// STAGE: differentiate
// STAGE-NOT: bufferize
// NOLEVEL: there is no level 'nonsense'
// NOLEVEL-NEXT: hint: the levels are: tape, graph, linalg, loop, llvm, mixed, auto

// IR: IR Dump After cse
// IR: arith.addf
// IR: arith.mulf
// IR: IR Dump After dce
// IR-NOT: arith.mulf

// TIMING: seconds per pass
// TIMING: 1. cse
// TIMING: 2. dce
// TIMING: total

// CHECK-LABEL: func.func @one
// CHECK-NEXT: arith.addf
// CHECK-NEXT: func.return
func.func @one(%x: f64) -> f64 {
  %y = arith.addf %x, %x : f64
  %dead = arith.mulf %x, %x : f64
  func.return %y : f64
}

// CHECK: // -----

// -----

// CHECK-LABEL: func.func @two
func.func @two() {
  func.return
}
