// RUN: dialectad-opt -p augment-calls --split-input-file %s | filecheck %s

func.func private @g(%x: tensor<4xf64>, %s: f64) -> (tensor<4xf64>, f64) {
  func.return %x, %s : tensor<4xf64>, f64
}

// A call and the request for its derivative are one run.
// CHECK-LABEL: func.func @pair(
// CHECK-NEXT:    %y, %t, %[[R:.*]] = "ad.augmented"(%x, %s) <{callee = @g}> : (tensor<4xf64>, f64) -> (tensor<4xf64>, f64, !ad.run)
// CHECK-NEXT:    %dy = math.cos %y : tensor<4xf64>
// CHECK-NEXT:    %dx = "ad.pullback"(%[[R]], %x, %s, %y, %t, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, tensor<4xf64>, f64, tensor<4xf64>, f64, tensor<4xf64>) -> tensor<4xf64>
// CHECK-NEXT:    %q = arith.mulf %t, %t : f64
// CHECK-NEXT:    func.return %dx, %q : tensor<4xf64>, f64
func.func @pair(%x: tensor<4xf64>, %s: f64) -> (tensor<4xf64>, f64) {
  %y, %t = func.call @g(%x, %s) {dialectad.level = "loop"} : (tensor<4xf64>, f64) -> (tensor<4xf64>, f64)
  %dy = math.cos %y : tensor<4xf64>
  %y2, %t2, %dx = "ad.vjp"(%x, %s, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64, tensor<4xf64>)
  %q = arith.mulf %t, %t2 : f64
  func.return %dx, %q : tensor<4xf64>, f64
}

// A run has one pullback.
// CHECK-LABEL: func.func @twice(
// CHECK:         "ad.augmented"(%x, %s)
// CHECK-NEXT:    "ad.pullback"
// CHECK-NEXT:    "ad.vjp"
func.func @twice(%x: tensor<4xf64>, %s: f64, %dy: tensor<4xf64>) {
  %y, %t = func.call @g(%x, %s) {dialectad.level = "loop"} : (tensor<4xf64>, f64) -> (tensor<4xf64>, f64)
  %y2, %t2, %dx2 = "ad.vjp"(%x, %s, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64, tensor<4xf64>)
  %y3, %t3, %dx3 = "ad.vjp"(%x, %s, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64, tensor<4xf64>)
  func.return
}

// Other arguments, another level, another block: the request runs the function once more.
// CHECK-LABEL: func.func @apart(
// CHECK-NOT:     ad.augmented
// CHECK:         "ad.vjp"(%x, %t, %dy)
// CHECK:         "ad.vjp"(%x, %s, %dy)
// CHECK:           "ad.vjp"(%x, %s, %dy)
func.func @apart(%x: tensor<4xf64>, %s: f64, %dy: tensor<4xf64>, %c: i1) {
  %y, %t = func.call @g(%x, %s) {dialectad.level = "loop"} : (tensor<4xf64>, f64) -> (tensor<4xf64>, f64)
  %y2, %t2, %dx2 = "ad.vjp"(%x, %t, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64, tensor<4xf64>)
  %y3, %t3, %dx3 = "ad.vjp"(%x, %s, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64, tensor<4xf64>)
  scf.if %c {
    %y4, %t4, %dx4 = "ad.vjp"(%x, %s, %dy) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64, tensor<4xf64>)
  }
  func.return
}
