// RUN: dialectad-opt -p differentiate,inline,canonicalize,cse,dce --split-input-file %s | filecheck %s

// The adjoint solves with the transpose, by the same factors.
func.func private @f(%a: tensor<3x3xf64>, %m: tensor<4x3xf64>, %b: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %f = "lapack.getrf"(%m) : (tensor<4x3xf64>) -> tensor<4x3xf64>
  %x = "lapack.getrs"(%a, %f, %b) : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  func.return %x : tensor<2x3xf64>
}

func.func @solve(%a: tensor<3x3xf64>, %m: tensor<4x3xf64>, %b: tensor<2x3xf64>, %dx: tensor<2x3xf64>) -> (tensor<3x3xf64>, tensor<2x3xf64>) {
  %x, %da, %db = "ad.vjp"(%a, %m, %b, %dx) <{callee = @f, active = array<i64: 0, 2>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<3x3xf64>, tensor<2x3xf64>)
  func.return %da, %db : tensor<3x3xf64>, tensor<2x3xf64>
}

// CHECK-LABEL: func.func @solve(
// CHECK:         %[[F:.*]] = "lapack.getrf"(%m)
// CHECK-NEXT:    %[[X:.*]] = "lapack.getrs"(%a, %[[F]], %b)
// CHECK-NEXT:    %[[DB:.*]] = "lapack.getrs"(%a, %[[F]], %dx) <{trans}>
// CHECK:         %[[DA:.*]] = "blas.gemm"(%[[DB]], %[[X]], {{.*}}) <{alpha = -1.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_a}>
// CHECK-NEXT:    func.return %[[DA]], %[[DB]]
