// RUN: dialectad-opt %s -p inline,bufferize,convert-linalg-to-loops,convert-scf-to-cf,convert-to-llvm --run f --args 2.0 "[[1, 2], [3, 4]]" 1 | filecheck %s
// RUN: not dialectad-opt %s -p inline,bufferize,convert-linalg-to-loops,convert-scf-to-cf,convert-to-llvm --run f --args 2.0 "[[1, 2], [3, 4]]" 2 2>&1 | filecheck --check-prefix=ASSERT %s
// RUN: not dialectad-opt %s -p "" --run f --args 2.0 2>&1 | filecheck --check-prefix=COUNT %s
// RUN: not dialectad-opt %s -p "" --run f --args 2.0 "[1, 2]" 0 2>&1 | filecheck --check-prefix=SHAPE %s
// RUN: not dialectad-opt %s -p "" --run f --args 2.0 "import os" 0 2>&1 | filecheck --check-prefix=LITERAL %s
// RUN: not dialectad-opt %s -p "" --run g 2>&1 | filecheck --check-prefix=NAME %s

// CHECK: tensor<2x2xf64>: {{\[\[}}2., 4.],
// CHECK-NEXT: [6., 8.]]
// CHECK-NEXT: f64: 6.
// ASSERT: error: IndexError: index out of bounds for axis 0 with size 2 at {{.*}}run.mlir:19:3
// COUNT: error: @f takes 3 arguments, 1 given
// SHAPE: error: the argument '[1, 2]' has shape (2,), tensor<2x2xf64> expected
// LITERAL: error: can't read the argument 'import os'
// NAME: error: there is no func.func @g to run
func.func @f(%s: f64, %a: tensor<2x2xf64>, %i: index) -> (tensor<2x2xf64>, f64) {
  %n = arith.constant 2 : index
  %ok = arith.cmpi ult, %i, %n : index
  cf.assert %ok, "IndexError: index out of bounds for axis 0 with size 2"
  %e = tensor.splat %s : tensor<2x2xf64>
  %r = arith.mulf %a, %e : tensor<2x2xf64>
  %j = arith.constant 0 : index
  %x = tensor.extract %r[%i, %j] : tensor<2x2xf64>
  func.return %r, %x : tensor<2x2xf64>, f64
}
