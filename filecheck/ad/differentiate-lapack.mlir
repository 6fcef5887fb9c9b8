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

// -----

// The adjoint of a complex product is made of four real ones.
func.func private @z(%a: tensor<6x3xf64>, %f: tensor<8x3xf64>, %b: tensor<4x3xf64>) -> tensor<4x3xf64> {
  %x = "lapack.getrs"(%a, %f, %b) <{complex}> : (tensor<6x3xf64>, tensor<8x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  func.return %x : tensor<4x3xf64>
}

func.func @complex_solve(%a: tensor<6x3xf64>, %f: tensor<8x3xf64>, %b: tensor<4x3xf64>, %dx: tensor<4x3xf64>) -> tensor<6x3xf64> {
  %x, %da = "ad.vjp"(%a, %f, %b, %dx) <{callee = @z, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<6x3xf64>, tensor<8x3xf64>, tensor<4x3xf64>, tensor<4x3xf64>) -> (tensor<4x3xf64>, tensor<6x3xf64>)
  func.return %da : tensor<6x3xf64>
}

// CHECK-LABEL: func.func @complex_solve(
// CHECK:         "lapack.getrs"(%a, %f, %b) <{complex}>
// CHECK:         "lapack.getrs"(%a, %f, %dx) <{trans, complex}>
// CHECK-COUNT-4: "blas.gemm"

// -----

// What computes values alone computes vectors, too, if it is differentiated.
func.func private @w(%a: tensor<3x3xf64>) -> tensor<4x3xf64> {
  %d = tensor.empty() : tensor<4x3xf64>
  %e = "lapack.syevd"(%a, %d) <{values}> : (tensor<3x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  func.return %e : tensor<4x3xf64>
}

func.func @values(%a: tensor<3x3xf64>, %de: tensor<4x3xf64>) -> (tensor<4x3xf64>, tensor<3x3xf64>) {
  %e = func.call @w(%a) : (tensor<3x3xf64>) -> tensor<4x3xf64>
  %x, %da = "ad.vjp"(%a, %de) <{callee = @w, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<3x3xf64>, tensor<4x3xf64>) -> (tensor<4x3xf64>, tensor<3x3xf64>)
  func.return %e, %da : tensor<4x3xf64>, tensor<3x3xf64>
}

// CHECK-LABEL: func.func @values(
// CHECK-DAG:     "lapack.syevd"(%a, %{{[0-9a-z_]+}}) <{values}>
// CHECK-DAG:     "lapack.syevd"(%a, %{{[0-9a-z_]+}}) :
