// RUN: dialectad-opt -p bufferize --split-input-file %s | filecheck %s

// Calls that stay take memory for their results.
func.func private @g(%x: tensor<4xf64>) -> (tensor<4xf64>, f64) {
  %c = arith.constant 2.0 : f64
  func.return %x, %c : tensor<4xf64>, f64
}

func.func @f(%x: tensor<4xf64>) -> (tensor<4xf64>, f64) {
  %y, %s = func.call @g(%x) {dialectad.apart} : (tensor<4xf64>) -> (tensor<4xf64>, f64)
  func.return %y, %s : tensor<4xf64>, f64
}

// CHECK-LABEL: func.func @f(%x: memref<4xf64>, %out0: memref<4xf64>, %out1: memref<f64>)
// CHECK:         func.call @g(%x, %out0, %{{.*}}) {dialectad.apart, dialectad.outs = 2 : i64}

// -----

// So do calls of Python, also where nobody wants the results.
func.func @h(%x: tensor<4xf64>, %n: i64) {
  %y = "host.call"(%x, %n) <{callback = 3 : i64}> : (tensor<4xf64>, i64) -> tensor<4xf64>
  func.return
}

// CHECK-LABEL: func.func @h(
// CHECK:         %[[Y:.*]] = memref.alloc() {{.*}}: memref<4xf64>
// CHECK:         "host.call"(%x, %n, %[[Y]]) <{callback = 3 : i64}> {dialectad.outs = 1 : i64}
