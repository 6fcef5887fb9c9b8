// sum(tanh(a * b) + where(a < b, a, exp(b)))
func.func @f(%a: tensor<4x3xf64>, %b: tensor<4x3xf64>) -> f64 {
  %p = arith.mulf %a, %b : tensor<4x3xf64>
  %t = math.tanh %p : tensor<4x3xf64>
  %e = math.exp %b : tensor<4x3xf64>
  %c = arith.cmpf olt, %a, %b : tensor<4x3xf64>
  %s = arith.select %c, %a, %e : tensor<4x3xi1>, tensor<4x3xf64>
  %u = arith.addf %t, %s : tensor<4x3xf64>
  %zero = arith.constant 0.0 : f64
  %init = tensor.splat %zero : tensor<f64>
  %r = linalg.reduce ins(%u : tensor<4x3xf64>) outs(%init : tensor<f64>) dimensions = [0, 1]
    (%x: f64, %acc: f64) {
      %y = arith.addf %x, %acc : f64
      linalg.yield %y : f64
    }
  %result = tensor.extract %r[] : tensor<f64>
  func.return %result : f64
}
