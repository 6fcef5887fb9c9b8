// The gradient of sum(sin(x) * y), asked for.
func.func private @loss(%x: tensor<5xf64>, %y: tensor<5xf64>) -> f64 {
  %s = math.sin %x : tensor<5xf64>
  %p = arith.mulf %s, %y : tensor<5xf64>
  %zero = arith.constant 0.0 : f64
  %init = tensor.splat %zero : tensor<f64>
  %r = linalg.reduce ins(%p : tensor<5xf64>) outs(%init : tensor<f64>) dimensions = [0]
    (%a: f64, %acc: f64) {
      %b = arith.addf %a, %acc : f64
      linalg.yield %b : f64
    }
  %result = tensor.extract %r[] : tensor<f64>
  func.return %result : f64
}
func.func @f(%x: tensor<5xf64>, %y: tensor<5xf64>) -> (f64, tensor<5xf64>) {
  %one = arith.constant 1.0 : f64
  %v, %dx = "ad.vjp"(%x, %y, %one) <{callee = @loss, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (tensor<5xf64>, tensor<5xf64>, f64) -> (f64, tensor<5xf64>)
  func.return %v, %dx : f64, tensor<5xf64>
}
