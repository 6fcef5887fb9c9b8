// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

#id = affine_map<(i) -> (i)>
func.func @yield_type(%a: tensor<4xf64>, %y: f32) -> tensor<4xf64> {
  // expected-error@+1 {{'linalg.yield' yields (f32), expected (f64)}}
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf64>) outs(%a : tensor<4xf64>) {
  ^bb0(%x: f64, %o: f64):
    linalg.yield %y : f32
  } -> tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// -----

#id = affine_map<(i) -> (i)>
func.func @yield_count(%a: tensor<4xf64>) -> tensor<4xf64> {
  // expected-error@+1 {{'linalg.yield' yields (f64, f64), expected (f64)}}
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf64>) outs(%a : tensor<4xf64>) {
  ^bb0(%x: f64, %o: f64):
    linalg.yield %x, %o : f64, f64
  } -> tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// -----

#id = affine_map<(i) -> (i)>
func.func @extents(%a: tensor<4xf64>, %b: tensor<5xf64>) -> tensor<5xf64> {
  // expected-error@+1 {{shape's dimension #0 to be 4, but found 5}}
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf64>) outs(%b : tensor<5xf64>) {
  ^bb0(%x: f64, %o: f64):
    linalg.yield %x : f64
  } -> tensor<5xf64>
  func.return %r : tensor<5xf64>
}

// -----

#id = affine_map<(i) -> (i)>
func.func @rank(%a: tensor<4x4xf64>, %b: tensor<4xf64>) -> tensor<4xf64> {
  // expected-error@+1 {{expected operand #0 of rank 2 to match the result count of indexing_map #0, 1}}
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4x4xf64>) outs(%b : tensor<4xf64>) {
  ^bb0(%x: f64, %o: f64):
    linalg.yield %x : f64
  } -> tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// -----

#id = affine_map<(i) -> (i)>
func.func @result_type(%a: tensor<4xf64>) -> tensor<?xf64> {
  // expected-error@+1 {{results are (tensor<?xf64>), expected those of the outputs, (tensor<4xf64>)}}
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf64>) outs(%a : tensor<4xf64>) {
  ^bb0(%x: f64, %o: f64):
    linalg.yield %x : f64
  } -> tensor<?xf64>
  func.return %r : tensor<?xf64>
}

// -----

func.func @matmul(%a: tensor<2x3xf64>, %b: tensor<4x5xf64>, %c: tensor<2x5xf64>) -> tensor<2x5xf64> {
  // expected-error@+1 {{shape's dimension #0 to be 3, but found 4}}
  %r = linalg.matmul ins(%a, %b : tensor<2x3xf64>, tensor<4x5xf64>) outs(%c : tensor<2x5xf64>) -> tensor<2x5xf64>
  func.return %r : tensor<2x5xf64>
}

// -----

func.func @reduce(%a: tensor<4xf64>, %b: tensor<f64>, %y: f32) -> tensor<f64> {
  // expected-error@+1 {{'linalg.yield' yields (f32), expected (f64)}}
  %r = linalg.reduce ins(%a : tensor<4xf64>) outs(%b : tensor<f64>) dimensions = [0]
    (%x: f64, %acc: f64) {
      linalg.yield %y : f32
    }
  func.return %r : tensor<f64>
}
