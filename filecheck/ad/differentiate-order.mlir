// RUN: dialectad-opt -p differentiate,inline,canonicalize,cse,dce %s | filecheck %s

// No derivative flows through the order; it flows through what is picked by it.
func.func private @largest(%x: tensor<1x3xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %d = tensor.empty() : tensor<1x3xi64>
  %o = "order.argsort"(%x, %d) : (tensor<1x3xf64>, tensor<1x3xi64>) -> tensor<1x3xi64>
  %i = tensor.extract %o[%c0, %c2] : tensor<1x3xi64>
  %j = arith.index_cast %i : i64 to index
  %y = tensor.extract %x[%c0, %j] : tensor<1x3xf64>
  func.return %y : f64
}

func.func @gradient(%x: tensor<1x3xf64>, %dy: f64) -> tensor<1x3xf64> {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @largest, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<1x3xf64>, f64) -> (f64, tensor<1x3xf64>)
  func.return %dx : tensor<1x3xf64>
}

// CHECK-LABEL: func.func @gradient(
// CHECK:         %[[O:.*]] = "order.argsort"(%x,
// CHECK:         %[[I:.*]] = tensor.extract %[[O]]
// CHECK:         %[[J:.*]] = arith.index_cast %[[I]]
// CHECK:         %[[DX:.*]] = tensor.insert %dy into %{{.*}}[%{{.*}}, %[[J]]]
// CHECK:         func.return %[[DX]]
