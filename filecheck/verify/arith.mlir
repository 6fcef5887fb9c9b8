// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @widths(%x: f64, %i: i32, %t: tensor<4xf64>) {
  // expected-error@+1 {{a type wider than f64 expected, got f32}}
  %0 = arith.extf %x : f64 to f32
  // expected-error@+1 {{a type narrower than f64 expected, got f64}}
  %1 = arith.truncf %x : f64 to f64
  // expected-error@+1 {{a type wider than i32 expected, got i16}}
  %2 = arith.extsi %i : i32 to i16
  // expected-error@+1 {{a type narrower than i32 expected, got i64}}
  %3 = arith.trunci %i : i32 to i64
  // expected-error@+1 {{a cast from tensor<4xf64> to tensor<5xf32> changes the shape}}
  %4 = arith.truncf %t : tensor<4xf64> to tensor<5xf32>
  func.return
}

// -----

func.func @operands(%x: f64, %y: f32, %t: tensor<4xf64>, %s: tensor<5xf64>) {
  // expected-error@+1 {{f64}}
  %0 = "arith.addf"(%x, %y) : (f64, f32) -> f64
  // expected-error@+1 {{tensor<4xf64>}}
  %1 = "arith.addf"(%t, %s) : (tensor<4xf64>, tensor<5xf64>) -> tensor<4xf64>
  func.return
}

// -----

func.func @compare(%x: f64, %t: tensor<4xf64>, %c: tensor<5xi1>) {
  %0 = arith.cmpf olt, %t, %t : tensor<4xf64>
  %1 = arith.select %0, %t, %t : tensor<4xi1>, tensor<4xf64>
  // expected-error@+1 {{the result of comparing tensor<4xf64> can't be i1}}
  %2 = "arith.cmpf"(%t, %t) <{predicate = 1 : i64}> : (tensor<4xf64>, tensor<4xf64>) -> i1
  // expected-error@+1 {{a condition of type i1 in the shape of tensor<4xf64> expected, got tensor<5xi1>}}
  %3 = arith.select %c, %t, %t : tensor<5xi1>, tensor<4xf64>
  func.return
}

// -----

func.func @constants() {
  // expected-error@+1 {{f64}}
  %0 = "arith.constant"() <{value = 1.0 : f64}> : () -> f32
  func.return
}
