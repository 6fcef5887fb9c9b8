// RUN: dialectad-opt -p bufferize --split-input-file %s | filecheck %s

// The destination is written over where nobody needs it any more.
func.func @chain(%l: tensor<3x3xf64>, %b: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %c = arith.addf %b, %b : tensor<2x3xf64>
  %x = "lapack.trtrs"(%l, %c) : (tensor<3x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %y = "lapack.trtrs"(%l, %x) <{trans}> : (tensor<3x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  func.return %y : tensor<2x3xf64>
}

// CHECK-LABEL: func.func @chain
// CHECK-NOT:     memref.copy
// CHECK:         "lapack.trtrs"(%l, %[[C:.*]]) : (memref<3x3xf64{{.*}}) -> ()
// CHECK-NEXT:    "lapack.trtrs"(%l, %[[C]]) <{trans}> : (memref<3x3xf64{{.*}}) -> ()
// CHECK-NOT:     memref.copy

// -----

// An argument isn't ours to write over.
func.func @kept(%a: tensor<3x3xf64>) -> tensor<3x3xf64> {
  %l = "lapack.potrf"(%a) : (tensor<3x3xf64>) -> tensor<3x3xf64>
  func.return %l : tensor<3x3xf64>
}

// CHECK-LABEL: func.func @kept
// CHECK:         memref.copy
// CHECK:         "lapack.potrf"(

// -----

// What the destination of a decomposition holds doesn't matter: nothing is copied into it.
func.func @unread(%a: tensor<3x3xf64>, %e: tensor<4x3xf64>) -> tensor<4x3xf64> {
  %r = "lapack.syevd"(%a, %e) : (tensor<3x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  func.return %r : tensor<4x3xf64>
}

// CHECK-LABEL: func.func @unread
// CHECK-NOT:     memref.copy
// CHECK:         "lapack.syevd"(%a,
