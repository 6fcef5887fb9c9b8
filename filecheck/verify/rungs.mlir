// RUN: dialectad-opt --rung linalg --split-input-file --verify-diagnostics %s
// RUN: not dialectad-opt --rung loop --split-input-file %s 2>&1 | filecheck --check-prefix=LOOP %s
// RUN: not dialectad-opt --rung llvm --split-input-file %s 2>&1 | filecheck --check-prefix=LLVM %s

// LOOP: 'func.func': has a value of type tensor<4x4xf64>, which is not legal on the loop rung
// LOOP: 'linalg.matvec': is not legal on the loop rung
// LLVM: 'func.func': is not legal on the llvm rung
func.func @linalg(%a: tensor<4x4xf64>, %x: tensor<4xf64>) -> tensor<4xf64> {
  %y = linalg.matvec ins(%a, %x : tensor<4x4xf64>, tensor<4xf64>) outs(%x : tensor<4xf64>) -> tensor<4xf64>
  func.return %y : tensor<4xf64>
}

// -----

// expected-error@+1 {{has a value of type memref<4xf64>, which is not legal on the linalg rung}}
func.func @loop(%a: memref<4xf64>, %i: index) {
  // expected-error@+1 {{'memref.load': is not legal on the linalg rung}}
  %0 = memref.load %a[%i] : memref<4xf64>
  func.return
}
