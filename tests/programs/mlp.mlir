// A hidden layer: tanh(x @ w + b) @ v
func.func @f(%x: tensor<5x4xf64>, %w: tensor<4x3xf64>, %b: tensor<3xf64>, %v: tensor<3xf64>) -> tensor<5xf64> {
  %zero = arith.constant 0.0 : f64
  %e0 = tensor.splat %zero : tensor<5x3xf64>
  %h = linalg.matmul ins(%x, %w : tensor<5x4xf64>, tensor<4x3xf64>) outs(%e0 : tensor<5x3xf64>) -> tensor<5x3xf64>
  %e1 = tensor.empty() : tensor<5x3xf64>
  %bb = linalg.broadcast ins(%b : tensor<3xf64>) outs(%e1 : tensor<5x3xf64>) dimensions = [0]
  %s = arith.addf %h, %bb : tensor<5x3xf64>
  %t = math.tanh %s : tensor<5x3xf64>
  %e2 = tensor.splat %zero : tensor<5xf64>
  %y = linalg.matvec ins(%t, %v : tensor<5x3xf64>, tensor<3xf64>) outs(%e2 : tensor<5xf64>) -> tensor<5xf64>
  func.return %y : tensor<5xf64>
}
