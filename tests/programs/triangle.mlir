// s[i] = dot(a[i, :i], x[:i]): slices of an extent that the loop decides
func.func @f(%a: tensor<6x6xf64>, %x: tensor<6xf64>) -> tensor<6xf64> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = arith.constant 6 : index
  %zf = arith.constant 0.0 : f64
  %init = tensor.splat %zf : tensor<6xf64>
  %r = scf.for %i = %zero to %n step %one iter_args(%s = %init) -> (tensor<6xf64>) {
    %row = tensor.extract_slice %a[%i, 0] [1, %i] [1, 1] : tensor<6x6xf64> to tensor<?xf64>
    %head = tensor.extract_slice %x[0] [%i] [1] : tensor<6xf64> to tensor<?xf64>
    %acc = tensor.splat %zf : tensor<f64>
    %d = linalg.dot ins(%row, %head : tensor<?xf64>, tensor<?xf64>) outs(%acc : tensor<f64>) -> tensor<f64>
    %v = tensor.extract %d[] : tensor<f64>
    %t = tensor.insert %v into %s[%i] : tensor<6xf64>
    scf.yield %t : tensor<6xf64>
  }
  func.return %r : tensor<6xf64>
}
