// RUN: dialectad-opt %s -p stack-products,dce | filecheck %s

// All rows are there before the first product is used; a slice is taken as soon as it is needed.
// CHECK-LABEL: func.func @by_one_matrix
// CHECK:         %[[A:.*]] = tensor.insert_slice %x into %{{.*}}[0, 0] [3, 8] [1, 1]
// CHECK:         %[[B:.*]] = tensor.insert_slice %y into %[[A]][3, 0] [1, 8] [1, 1]
// CHECK:         %[[Z:.*]] = tensor.extract_slice %t[2, 0] [4, 8] [1, 1]
// CHECK-NEXT:    %[[C:.*]] = tensor.insert_slice %[[Z]] into %[[B]][4, 0] [4, 8] [1, 1]
// CHECK:         %[[P:.*]] = "blas.gemm"(%[[C]], %w, %{{.*}}) <{alpha = 2.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_b}>
// CHECK-NEXT:    %[[P0:.*]] = tensor.extract_slice %[[P]][0, 0] [3, 9] [1, 1]
// CHECK-NEXT:    %[[P1:.*]] = tensor.extract_slice %[[P]][3, 0] [1, 9] [1, 1]
// CHECK-NEXT:    %[[P2:.*]] = tensor.extract_slice %[[P]][4, 0] [4, 9] [1, 1]
// CHECK-NEXT:    %u = math.exp %[[P0]]
// CHECK-NOT:     blas
// CHECK:         func.return %u, %[[P1]], %[[P2]]
func.func @by_one_matrix(%w: tensor<9x8xf64>, %x: tensor<3x8xf64>, %y: tensor<8xf64>, %t: tensor<9x8xf64>) -> (tensor<3x9xf64>, tensor<9xf64>, tensor<4x9xf64>) {
  %e = tensor.empty() : tensor<3x9xf64>
  %f = tensor.empty() : tensor<9xf64>
  %g = tensor.empty() : tensor<4x9xf64>
  %p = "blas.gemm"(%x, %w, %e) <{alpha = 2.0 : f64, beta = 0.0 : f64, trans_b}> : (tensor<3x8xf64>, tensor<9x8xf64>, tensor<3x9xf64>) -> tensor<3x9xf64>
  %q = "blas.gemv"(%w, %y, %f) <{alpha = 2.0 : f64, beta = 0.0 : f64}> : (tensor<9x8xf64>, tensor<8xf64>, tensor<9xf64>) -> tensor<9xf64>
  %u = math.exp %p : tensor<3x9xf64>
  %z = tensor.extract_slice %t[2, 0] [4, 8] [1, 1] : tensor<9x8xf64> to tensor<4x8xf64>
  %r = "blas.gemm"(%z, %w, %g) <{alpha = 2.0 : f64, beta = 0.0 : f64, trans_b}> : (tensor<4x8xf64>, tensor<9x8xf64>, tensor<4x9xf64>) -> tensor<4x9xf64>
  func.return %u, %q, %r : tensor<3x9xf64>, tensor<9xf64>, tensor<4x9xf64>
}

// The rows of the second product depend on the first, by a detour.
// CHECK-LABEL: func.func @dependent
// CHECK-COUNT-2: "blas.gemm"(%{{.*}}, %w
func.func @dependent(%w: tensor<8x8xf64>, %x: tensor<6x8xf64>) -> tensor<6x8xf64> {
  %e = tensor.empty() : tensor<6x8xf64>
  %p = "blas.gemm"(%x, %w, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<6x8xf64>, tensor<8x8xf64>, tensor<6x8xf64>) -> tensor<6x8xf64>
  %u = math.exp %p : tensor<6x8xf64>
  %q = "blas.gemm"(%u, %w, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<6x8xf64>, tensor<8x8xf64>, tensor<6x8xf64>) -> tensor<6x8xf64>
  func.return %q : tensor<6x8xf64>
}

// Another matrix, its transpose, another factor, and too few rows.
// CHECK-LABEL: func.func @of_other_kinds
// CHECK-COUNT-4: "blas.gemm"
func.func @of_other_kinds(%w: tensor<8x8xf64>, %v: tensor<8x8xf64>, %x: tensor<4x8xf64>, %y: tensor<4x8xf64>) -> (tensor<4x8xf64>, tensor<4x8xf64>, tensor<4x8xf64>, tensor<4x8xf64>) {
  %e = tensor.empty() : tensor<4x8xf64>
  %p = "blas.gemm"(%x, %w, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<4x8xf64>, tensor<8x8xf64>, tensor<4x8xf64>) -> tensor<4x8xf64>
  %q = "blas.gemm"(%y, %v, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<4x8xf64>, tensor<8x8xf64>, tensor<4x8xf64>) -> tensor<4x8xf64>
  %r = "blas.gemm"(%y, %w, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans_b}> : (tensor<4x8xf64>, tensor<8x8xf64>, tensor<4x8xf64>) -> tensor<4x8xf64>
  %s = "blas.gemm"(%y, %w, %e) <{alpha = 2.0 : f64, beta = 0.0 : f64}> : (tensor<4x8xf64>, tensor<8x8xf64>, tensor<4x8xf64>) -> tensor<4x8xf64>
  func.return %p, %q, %r, %s : tensor<4x8xf64>, tensor<4x8xf64>, tensor<4x8xf64>, tensor<4x8xf64>
}

// CHECK-LABEL: func.func @sum
// CHECK:         %[[X:.*]] = tensor.insert_slice %x into %{{.*}}[0, 0] [7, 8] [1, 1]
// CHECK:         %[[Y:.*]] = tensor.insert_slice %y into %{{.*}}[0, 0] [7, 9] [1, 1]
// CHECK:         %[[A:.*]] = tensor.insert_slice %a into %[[X]][7, 0] [1, 8] [1, 1]
// CHECK:         %[[B:.*]] = tensor.insert_slice %b into %[[Y]][7, 0] [1, 9] [1, 1]
// CHECK:         %[[R:.*]] = "blas.gemm"(%[[A]], %[[B]], %c) <{alpha = 1.000000e+00 : f64, beta = 3.000000e+00 : f64, trans_a}>
// CHECK-NEXT:    func.return %[[R]]
func.func @sum(%x: tensor<7x8xf64>, %y: tensor<7x9xf64>, %a: tensor<8xf64>, %b: tensor<9xf64>, %c: tensor<8x9xf64>) -> tensor<8x9xf64> {
  %p = "blas.gemm"(%x, %y, %c) <{alpha = 1.0 : f64, beta = 3.0 : f64, trans_a}> : (tensor<7x8xf64>, tensor<7x9xf64>, tensor<8x9xf64>) -> tensor<8x9xf64>
  %q = "blas.ger"(%a, %b, %p) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<8xf64>, tensor<9xf64>, tensor<8x9xf64>) -> tensor<8x9xf64>
  func.return %q : tensor<8x9xf64>
}

// What is read on the way is needed.
// CHECK-LABEL: func.func @sum_that_is_read
// CHECK:         "blas.gemm"(%x, %y, %c)
// CHECK:         "blas.ger"
func.func @sum_that_is_read(%x: tensor<7x8xf64>, %y: tensor<7x9xf64>, %a: tensor<8xf64>, %b: tensor<9xf64>, %c: tensor<8x9xf64>) -> (tensor<8x9xf64>, tensor<8x9xf64>) {
  %p = "blas.gemm"(%x, %y, %c) <{alpha = 1.0 : f64, beta = 1.0 : f64, trans_a}> : (tensor<7x8xf64>, tensor<7x9xf64>, tensor<8x9xf64>) -> tensor<8x9xf64>
  %q = "blas.ger"(%a, %b, %p) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<8xf64>, tensor<9xf64>, tensor<8x9xf64>) -> tensor<8x9xf64>
  func.return %p, %q : tensor<8x9xf64>, tensor<8x9xf64>
}
