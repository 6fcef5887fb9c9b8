// for i in range(1, 8): a[i] = a[i - 1] * s + a[i]   (writes into its argument)
func.func @f(%a: tensor<8xf64> {dialectad.inout = 0 : i64}, %s: f64) -> tensor<8xf64> {
  %one = arith.constant 1 : index
  %n = arith.constant 8 : index
  %r = scf.for %i = %one to %n step %one iter_args(%b = %a) -> (tensor<8xf64>) {
    %j = arith.subi %i, %one : index
    %x = tensor.extract %b[%j] : tensor<8xf64>
    %y = tensor.extract %b[%i] : tensor<8xf64>
    %z = arith.mulf %x, %s : f64
    %w = arith.addf %z, %y : f64
    %c = tensor.insert %w into %b[%i] : tensor<8xf64>
    scf.yield %c : tensor<8xf64>
  }
  func.return %r : tensor<8xf64>
}
