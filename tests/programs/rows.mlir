// Writes rows through slices, checks an index, gathers, and reshapes.
#id = affine_map<(i) -> (i)>
func.func @f(%a: tensor<4x3xf64>, %k: index, %p: tensor<3xi64>) -> (tensor<12xf64>, tensor<3xf64>) {
  %n = arith.constant 4 : index
  %ok = arith.cmpi ult, %k, %n : index
  cf.assert %ok, "IndexError: index out of bounds for axis 0 with size 4"
  %row = tensor.extract_slice %a[%k, 0] [1, 3] [1, 1] : tensor<4x3xf64> to tensor<3xf64>
  %e = tensor.empty() : tensor<3xf64>
  %g = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%p : tensor<3xi64>) outs(%e : tensor<3xf64>) {
  ^bb0(%j: i64, %o: f64):
    %ji = arith.index_cast %j : i64 to index
    %v = tensor.extract %row[%ji] : tensor<3xf64>
    linalg.yield %v : f64
  } -> tensor<3xf64>
  %b = tensor.insert_slice %g into %a[0, 0] [1, 3] [1, 1] : tensor<3xf64> into tensor<4x3xf64>
  %flat = tensor.collapse_shape %b [[0, 1]] : tensor<4x3xf64> into tensor<12xf64>
  func.return %flat, %g : tensor<12xf64>, tensor<3xf64>
}
