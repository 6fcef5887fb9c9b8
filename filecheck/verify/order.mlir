// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @right(%x: tensor<2x?xf64>, %d: tensor<2x?xi64>, %b: tensor<4xi1>, %v: tensor<?xi1>, %e: tensor<?xi64>) {
  %o = "order.argsort"(%x, %d) : (tensor<2x?xf64>, tensor<2x?xi64>) -> tensor<2x?xi64>
  %p = "order.search"(%b, %v, %e) <{right}> : (tensor<4xi1>, tensor<?xi1>, tensor<?xi64>) -> tensor<?xi64>
  func.return
}

// -----

func.func @not_rows(%x: tensor<3xf64>, %d: tensor<3xi64>) {
  // expected-error@+1 {{order.argsort: operand of rank 2 expected, got tensor<3xf64>}}
  %o = "order.argsort"(%x, %d) : (tensor<3xf64>, tensor<3xi64>) -> tensor<3xi64>
  func.return
}

// -----

func.func @no_integers(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{order.argsort: a destination of i64 expected, got tensor<2x3xf64>}}
  %o = "order.argsort"(%x, %x) : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  func.return
}

// -----

func.func @other_types(%s: tensor<3xf64>, %v: tensor<2xf32>, %d: tensor<2xi64>) {
  // expected-error@+1 {{order.search: operands of one type of integers or floats expected}}
  %p = "order.search"(%s, %v, %d) : (tensor<3xf64>, tensor<2xf32>, tensor<2xi64>) -> tensor<2xi64>
  func.return
}

// -----

func.func @sizes(%s: tensor<3xf64>, %v: tensor<2xf64>, %d: tensor<3xi64>) {
  // expected-error@+1 {{order.search: shape (2,) expected, got (3,)}}
  %p = "order.search"(%s, %v, %d) : (tensor<3xf64>, tensor<2xf64>, tensor<3xi64>) -> tensor<3xi64>
  func.return
}
