// RUN: dialectad-opt -p bufferize,lower-blas --split-input-file %s | filecheck %s

// Sorting is a call, with work space; an array is a pointer and the distances of neighbours along its axes.
func.func @sort(%x: tensor<2x3xf32>) -> tensor<2x3xi64> {
  %d = tensor.empty() : tensor<2x3xi64>
  %o = "order.argsort"(%x, %d) : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2x3xi64>
  func.return %o : tensor<2x3xi64>
}

// CHECK-LABEL: func.func @sort
// CHECK-NOT:     memref.copy
// CHECK:         %[[WORK:.*]] = memref.alloc({{.*}}) : memref<?xi64>
// CHECK:         func.call @dialectad.argsort.f32(
// CHECK-NEXT:    memref.dealloc %[[WORK]]
// CHECK:         func.func private @dialectad.argsort.f32({{.*}})

// -----

// A column is searched where it is.
func.func @search(%a: tensor<5x4xi8>, %v: tensor<3xi8>) -> tensor<3xi64> {
  %s = tensor.extract_slice %a[0, 1] [5, 1] [1, 1] : tensor<5x4xi8> to tensor<5xi8>
  %d = tensor.empty() : tensor<3xi64>
  %p = "order.search"(%s, %v, %d) <{right}> : (tensor<5xi8>, tensor<3xi8>, tensor<3xi64>) -> tensor<3xi64>
  func.return %p : tensor<3xi64>
}

// CHECK-LABEL: func.func @search
// CHECK-NOT:     memref.copy
// CHECK:         %[[STEP:.*]] = arith.constant 4 : i64
// CHECK:         func.call @dialectad.search_right.i8(%{{.*}}, %[[STEP]],
