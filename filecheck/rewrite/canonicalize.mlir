// RUN: dialectad-opt -p canonicalize %s | filecheck %s

// --- arith and math ---

// CHECK-LABEL: func.func @neutral
// CHECK-NEXT:    func.return %x, %x, %x, %x : f64, f64, f64, f64
func.func @neutral(%x: f64) -> (f64, f64, f64, f64) {
  %zero = arith.constant 0.0 : f64
  %minus_zero = arith.constant -0.0 : f64
  %one = arith.constant 1.0 : f64
  %a = arith.addf %x, %minus_zero : f64
  %b = arith.subf %x, %zero : f64
  %c = arith.mulf %one, %x : f64
  %d = arith.divf %x, %one : f64
  func.return %a, %b, %c, %d : f64, f64, f64, f64
}

// NaN, infinity and -0.0 forbid these.
// CHECK-LABEL: func.func @not_neutral
// CHECK:         arith.addf
// CHECK:         arith.mulf
// CHECK:         arith.subf
func.func @not_neutral(%x: f64) -> (f64, f64, f64) {
  %zero = arith.constant 0.0 : f64
  %a = arith.addf %x, %zero : f64
  %b = arith.mulf %x, %zero : f64
  %c = arith.subf %x, %x : f64
  func.return %a, %b, %c : f64, f64, f64
}

// CHECK-LABEL: func.func @signs
// CHECK-NEXT:    %[[A:.*]] = arith.subf %x, %y : f64
// CHECK-NEXT:    %[[B:.*]] = arith.addf %x, %y : f64
// CHECK-NEXT:    %[[C:.*]] = arith.mulf %x, %y : f64
// CHECK-NEXT:    func.return %x, %[[A]], %[[B]], %[[C]]
func.func @signs(%x: f64, %y: f64) -> (f64, f64, f64, f64) {
  %nx = arith.negf %x : f64
  %ny = arith.negf %y : f64
  %nnx = arith.negf %nx : f64
  %a = arith.addf %x, %ny : f64
  %b = arith.subf %x, %ny : f64
  %c = arith.mulf %nx, %ny : f64
  func.return %nnx, %a, %b, %c : f64, f64, f64, f64
}

// CHECK-LABEL: func.func @constants
// CHECK-DAG:     arith.constant 5.000000e+00 : f64
// CHECK-DAG:     arith.constant -3 : i8
// CHECK-DAG:     arith.constant true
// CHECK-NOT:     arith.addf
func.func @constants() -> (f64, i8, i1) {
  %two = arith.constant 2.0 : f64
  %three = arith.constant 3.0 : f64
  %big = arith.constant 127 : i8
  %six = arith.constant 126 : i8
  %a = arith.addf %two, %three : f64
  %b = arith.addi %big, %six : i8
  %c = arith.cmpf olt, %two, %three : f64
  func.return %a, %b, %c : f64, i8, i1
}

// CHECK-LABEL: func.func @powers
// CHECK-NEXT:    %[[S:.*]] = arith.mulf %x, %x : tensor<4xf64>
// CHECK-NEXT:    func.return %[[S]], %x
func.func @powers(%x: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %two = arith.constant dense<2.0> : tensor<4xf64>
  %one = arith.constant dense<1.0> : tensor<4xf64>
  %a = math.powf %x, %two : tensor<4xf64>
  %b = math.powf %x, %one : tensor<4xf64>
  func.return %a, %b : tensor<4xf64>, tensor<4xf64>
}

// CHECK-LABEL: func.func @division_by_a_power_of_two
// CHECK:         %[[C:.*]] = arith.constant 1.250000e-01 : f64
// CHECK-NEXT:    arith.mulf %x, %[[C]] : f64
func.func @division_by_a_power_of_two(%x: f64) -> f64 {
  %eight = arith.constant 8.0 : f64
  %a = arith.divf %x, %eight : f64
  func.return %a : f64
}

// CHECK-LABEL: func.func @uniform
// CHECK-NEXT:    %[[E:.*]] = math.exp %x : f64
// CHECK-NEXT:    tensor.splat %[[E]] : tensor<8xf64>
func.func @uniform(%x: f64) -> tensor<8xf64> {
  %s = tensor.splat %x : tensor<8xf64>
  %e = math.exp %s : tensor<8xf64>
  func.return %e : tensor<8xf64>
}

// The checks of a loop over the whole array.
// CHECK-LABEL: func.func @ranges
// CHECK-NOT:     cf.assert
// CHECK-NOT:     arith.select
// CHECK:         tensor.extract %t[%i]
func.func @ranges(%t: tensor<8xf64>, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%a = %x) -> (f64) {
    %negative = arith.cmpi slt, %i, %c0 : index
    %wrapped = arith.addi %i, %c8 : index
    %j = arith.select %negative, %wrapped, %i : index
    %low = arith.cmpi sge, %j, %c0 : index
    %high = arith.cmpi slt, %j, %c8 : index
    %ok = arith.andi %low, %high : i1
    cf.assert %ok, "IndexError: index out of bounds"
    %e = tensor.extract %t[%j] : tensor<8xf64>
    %b = arith.addf %a, %e : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @symbolic_ranges
// CHECK-NOT:     cf.assert
// CHECK:         func.return
func.func @symbolic_ranges(%n: index, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %ok = arith.cmpi slt, %i, %n : index
    cf.assert %ok, "IndexError: index out of bounds"
    %b = arith.addf %a, %x : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @index_arithmetic
// CHECK-DAG:     %[[A:.*]] = arith.subi %{{.*}}, %i : index
// CHECK-DAG:     %[[B:.*]] = arith.addi %i, %{{.*}} : index
// CHECK:         func.return %[[A]], %[[B]], %i
func.func @index_arithmetic(%i: index, %j: index) -> (index, index, index) {
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %a = arith.subi %c7, %i : index
  %b = arith.addi %a, %c1 : index
  %c = arith.addi %i, %c7 : index
  %d = arith.subi %c, %c1 : index
  %e = arith.addi %i, %j : index
  %f = arith.subi %e, %j : index
  func.return %b, %d, %f : index, index, index
}

// CHECK-LABEL: func.func @checks_stay
// CHECK:         cf.assert
func.func @checks_stay(%t: tensor<8xf64>, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %x) -> (f64) {
    %ok = arith.cmpi slt, %i, %c8 : index
    cf.assert %ok, "IndexError: index out of bounds"
    %e = tensor.extract %t[%i] : tensor<8xf64>
    %b = arith.addf %a, %e : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

// --- tensor ---

// CHECK-LABEL: func.func @elements
// CHECK-NEXT:    %[[E:.*]] = tensor.extract %t[%i] : tensor<4xf64>
// CHECK-NEXT:    func.return %x, %[[E]], %x
func.func @elements(%t: tensor<4xf64>, %x: f64, %i: index) -> (f64, f64, f64) {
  %c1 = arith.constant 1 : index
  %s = tensor.splat %x : tensor<4xf64>
  %a = tensor.extract %s[%i] : tensor<4xf64>
  %e = tensor.empty() : tensor<3x4xf64>
  %bb = linalg.broadcast ins(%t : tensor<4xf64>) outs(%e : tensor<3x4xf64>) dimensions = [0]
  %b = tensor.extract %bb[%c1, %i] : tensor<3x4xf64>
  %u = tensor.insert %x into %t[%i] : tensor<4xf64>
  %c = tensor.extract %u[%i] : tensor<4xf64>
  func.return %a, %b, %c : f64, f64, f64
}

// Nobody sees what the first one put.
// CHECK-LABEL: func.func @put_twice
// CHECK-NEXT:    %[[R:.*]] = tensor.insert %y into %t[%i]
// CHECK-NEXT:    func.return %[[R]]
func.func @put_twice(%t: tensor<4xf64>, %x: f64, %y: f64, %i: index) -> tensor<4xf64> {
  %u = tensor.insert %x into %t[%i] : tensor<4xf64>
  %r = tensor.insert %y into %u[%i] : tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// What was put first is read where it may lie: all of it stays one array, with no copy.
// CHECK-LABEL: func.func @put_twice_and_read
// CHECK-NEXT:    %[[U:.*]] = tensor.insert %x into %t[%i]
// CHECK-NEXT:    %[[E:.*]] = tensor.extract %[[U]][%j]
// CHECK-NEXT:    tensor.insert %[[E]] into %[[U]][%i]
func.func @put_twice_and_read(%t: tensor<4xf64>, %x: f64, %i: index, %j: index) -> tensor<4xf64> {
  %u = tensor.insert %x into %t[%i] : tensor<4xf64>
  %e = tensor.extract %u[%j] : tensor<4xf64>
  %r = tensor.insert %e into %u[%i] : tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @slices
// CHECK-NEXT:    %[[S:.*]] = tensor.extract_slice %t[3] [2] [4] : tensor<12xf64> to tensor<2xf64>
// CHECK-NEXT:    func.return %[[S]], %t, %t
func.func @slices(%t: tensor<12xf64>) -> (tensor<2xf64>, tensor<12xf64>, tensor<12xf64>) {
  %a = tensor.extract_slice %t[1] [5] [2] : tensor<12xf64> to tensor<5xf64>
  %b = tensor.extract_slice %a[1] [2] [2] : tensor<5xf64> to tensor<2xf64>
  %c = tensor.extract_slice %t[0] [12] [1] : tensor<12xf64> to tensor<12xf64>
  %d = tensor.insert_slice %a into %t[1] [5] [2] : tensor<5xf64> into tensor<12xf64>
  func.return %b, %c, %d : tensor<2xf64>, tensor<12xf64>, tensor<12xf64>
}

// CHECK-LABEL: func.func @slice_beside
// CHECK-NEXT:    tensor.extract_slice %t[0] [4] [1]
func.func @slice_beside(%t: tensor<12xf64>, %u: tensor<3xf64>) -> tensor<4xf64> {
  %a = tensor.insert_slice %u into %t[4] [3] [1] : tensor<3xf64> into tensor<12xf64>
  %b = tensor.extract_slice %a[0] [4] [1] : tensor<12xf64> to tensor<4xf64>
  func.return %b : tensor<4xf64>
}

// CHECK-LABEL: func.func @element_of_a_slice
// CHECK-NEXT:    %[[E:.*]] = tensor.extract %t[%i, %j] : tensor<3x4xf64>
// CHECK-NEXT:    func.return %[[E]]
func.func @element_of_a_slice(%t: tensor<3x4xf64>, %i: index, %j: index) -> f64 {
  %a = tensor.extract_slice %t[%i, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %b = tensor.extract %a[%j] : tensor<4xf64>
  func.return %b : f64
}

// CHECK-LABEL: func.func @reshapes
// CHECK-NEXT:    func.return %t
func.func @reshapes(%t: tensor<12xf64>) -> tensor<12xf64> {
  %a = tensor.expand_shape %t [[0, 1]] output_shape [3, 4] : tensor<12xf64> into tensor<3x4xf64>
  %b = tensor.collapse_shape %a [[0, 1]] : tensor<3x4xf64> into tensor<12xf64>
  func.return %b : tensor<12xf64>
}

// CHECK-LABEL: func.func @movements
// CHECK-NEXT:    %[[E:.*]] = tensor.empty() : tensor<2x3x4xf64>
// CHECK:         linalg.broadcast ins(%v:tensor<3xf64>) outs({{.*}}:tensor<2x3x4xf64>) dimensions = [0, 2]
// CHECK-NEXT:    func.return %t
func.func @movements(%t: tensor<3x4xf64>, %v: tensor<3xf64>) -> (tensor<3x4xf64>, tensor<2x3x4xf64>) {
  %e43 = tensor.empty() : tensor<4x3xf64>
  %e34 = tensor.empty() : tensor<3x4xf64>
  %e234 = tensor.empty() : tensor<2x3x4xf64>
  %a = linalg.transpose ins(%t : tensor<3x4xf64>) outs(%e43 : tensor<4x3xf64>) permutation = [1, 0]
  %b = linalg.transpose ins(%a : tensor<4x3xf64>) outs(%e34 : tensor<3x4xf64>) permutation = [1, 0]
  %c = linalg.broadcast ins(%v : tensor<3xf64>) outs(%e34 : tensor<3x4xf64>) dimensions = [1]
  %d = linalg.broadcast ins(%c : tensor<3x4xf64>) outs(%e234 : tensor<2x3x4xf64>) dimensions = [0]
  func.return %b, %d : tensor<3x4xf64>, tensor<2x3x4xf64>
}

// CHECK-LABEL: func.func @extents
// CHECK:         %[[C:.*]] = arith.constant 4 : index
// CHECK-NEXT:    func.return %[[C]], %n : index, index
func.func @extents(%x: f64, %n: index, %t: tensor<4xf64>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %a = tensor.dim %t, %c0 : tensor<4xf64>
  %s = tensor.splat %x[%n] : tensor<?xf64>
  %e = math.exp %s : tensor<?xf64>
  %b = tensor.dim %e, %c0 : tensor<?xf64>
  func.return %a, %b : index, index
}

// --- control flow ---

// CHECK-LABEL: func.func @known_condition
// CHECK-NEXT:    %a = math.exp %x : f64
// CHECK-NEXT:    func.return %a : f64
func.func @known_condition(%x: f64) -> f64 {
  %true = arith.constant true
  %r = scf.if %true -> (f64) {
    %a = math.exp %x : f64
    scf.yield %a : f64
  } else {
    scf.yield %x : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @nested_condition
// CHECK:         scf.if %c -> (f64) {
// CHECK-NEXT:      %a = math.exp %x : f64
// CHECK-NEXT:      scf.yield %a : f64
func.func @nested_condition(%c: i1, %x: f64) -> f64 {
  %r = scf.if %c -> (f64) {
    %s = scf.if %c -> (f64) {
      %a = math.exp %x : f64
      scf.yield %a : f64
    } else {
      scf.yield %x : f64
    }
    scf.yield %s : f64
  } else {
    scf.yield %x : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @choice
// CHECK-NEXT:    %[[R:.*]] = arith.select %c, %x, %y : f64
// CHECK-NEXT:    func.return %[[R]], %x
func.func @choice(%c: i1, %x: f64, %y: f64) -> (f64, f64) {
  %r, %s = scf.if %c -> (f64, f64) {
    scf.yield %x, %x : f64, f64
  } else {
    scf.yield %y, %x : f64, f64
  }
  func.return %r, %s : f64, f64
}

// CHECK-LABEL: func.func @choice_of_constants
// CHECK:         %[[R:.*]] = arith.select %c, %two, %x : f64
// CHECK-NEXT:    func.return %[[R]]
func.func @choice_of_constants(%c: i1, %x: f64) -> f64 {
  %r = scf.if %c -> (f64) {
    %two = arith.constant 2.0 : f64
    scf.yield %two : f64
  } else {
    scf.yield %x : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @trips
// CHECK-NEXT:    %[[A:.*]] = arith.addf %x, %x : f64
// CHECK-NEXT:    func.return %x, %[[A]]
func.func @trips(%x: f64) -> (f64, f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %never = scf.for %i = %c1 to %c1 step %c1 iter_args(%a = %x) -> (f64) {
    %b = arith.addf %a, %x : f64
    scf.yield %b : f64
  }
  %once = scf.for %i = %c0 to %c1 step %c2 iter_args(%a = %x) -> (f64) {
    %b = arith.addf %a, %x : f64
    scf.yield %b : f64
  }
  func.return %never, %once : f64, f64
}

// CHECK-LABEL: func.func @carried_in_vain
// CHECK:         %[[R:.*]] = scf.for %i = %c0 to %n step %c1 iter_args(%b = %x) -> (f64) {
// CHECK-NEXT:      %d = arith.mulf %b, %y : f64
// CHECK:         func.return %y, %[[R]], %[[R]]
func.func @carried_in_vain(%n: index, %x: f64, %y: f64) -> (f64, f64, f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r, %s, %t = scf.for %i = %c0 to %n step %c1 iter_args(%a = %y, %b = %x, %c = %x) -> (f64, f64, f64) {
    %d = arith.mulf %c, %a : f64
    scf.yield %a, %d, %d : f64, f64, f64
  }
  func.return %r, %s, %t : f64, f64, f64
}

// CHECK-LABEL: func.func @while_never
// CHECK-NEXT:    func.return %x : f64
func.func @while_never(%x: f64) -> f64 {
  %false = arith.constant false
  %r = scf.while (%a = %x) : (f64) -> f64 {
    scf.condition(%false) %a : f64
  } do {
  ^bb0(%a: f64):
    %b = arith.addf %a, %a : f64
    scf.yield %b : f64
  }
  func.return %r : f64
}

// A uniform constant is written as one.
// CHECK-LABEL: func.func @uniform_constant
// CHECK-NEXT:    %[[C:.*]] = arith.constant 2.000000e+00 : f64
// CHECK-NEXT:    tensor.splat %[[C]] : tensor<4xf64>
// CHECK-NEXT:    arith.constant dense<[1.000000e+00, 2.000000e+00]>
func.func @uniform_constant() -> (tensor<4xf64>, tensor<2xf64>) {
  %a = arith.constant dense<2.0> : tensor<4xf64>
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf64>
  func.return %a, %b : tensor<4xf64>, tensor<2xf64>
}

// Extents of one name are one extent; a loop keeps the extents of what it only writes into.
// CHECK-LABEL: func.func @named_extents
// CHECK-NOT:     tensor.dim %y
// CHECK:         tensor.dim %x
// CHECK:         %[[M:.*]] = tensor.dim %x
// CHECK:         %[[K:.*]] = tensor.dim %x
// CHECK-NEXT:    func.return %{{.*}}, %[[M]], %[[K]]
func.func @named_extents(%x: tensor<?xf64> {dialectad.extents = ["n"]},
                   %y: tensor<?xf64> {dialectad.extents = ["n"]}) -> (tensor<?xf64>, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf64>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %y) -> (tensor<?xf64>) {
    %e = tensor.extract %x[%i] : tensor<?xf64>
    %b = tensor.insert %e into %a[%i] : tensor<?xf64>
    scf.yield %b : tensor<?xf64>
  }
  %m = tensor.dim %y, %c0 : tensor<?xf64>
  %k = tensor.dim %r, %c0 : tensor<?xf64>
  func.return %r, %m, %k : tensor<?xf64>, index, index
}
