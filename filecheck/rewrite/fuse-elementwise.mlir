// RUN: dialectad-opt -p fuse-elementwise,cse,dce %s | filecheck %s

// CHECK-LABEL: func.func @chain
// CHECK-NEXT:    %[[E:.*]] = tensor.empty() : tensor<8xf64>
// CHECK-NEXT:    %r = linalg.generic {{.*}} ins(%a, %b : tensor<8xf64>, tensor<8xf64>) outs(%[[E]] : tensor<8xf64>) {
// CHECK-NEXT:    ^bb0(%[[A:.*]]: f64, %[[B:.*]]: f64, %{{.*}}: f64):
// CHECK-NEXT:      %[[S:.*]] = arith.mulf %[[A]], %[[B]] : f64
// CHECK-NEXT:      %[[X:.*]] = math.exp %[[S]] : f64
// CHECK-NEXT:      linalg.yield %[[X]] : f64
func.func @chain(%a: tensor<8xf64>, %b: tensor<8xf64>) -> tensor<8xf64> {
  %s = arith.mulf %a, %b : tensor<8xf64>
  %r = math.exp %s : tensor<8xf64>
  func.return %r : tensor<8xf64>
}

// A broadcast is an indexing map, a uniform tensor a captured scalar.
// CHECK-LABEL: func.func @maps
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>]
// CHECK-SAME:    ins(%a, %b, %c : tensor<3x4xf64>, tensor<4xf64>, tensor<4x3xf64>)
// CHECK:           arith.mulf %{{.*}}, %x : f64
// CHECK-NOT:     linalg.generic
func.func @maps(%a: tensor<3x4xf64>, %b: tensor<4xf64>, %c: tensor<4x3xf64>, %x: f64) -> tensor<3x4xf64> {
  %e = tensor.empty() : tensor<3x4xf64>
  %bb = linalg.broadcast ins(%b : tensor<4xf64>) outs(%e : tensor<3x4xf64>) dimensions = [0]
  %ct = linalg.transpose ins(%c : tensor<4x3xf64>) outs(%e : tensor<3x4xf64>) permutation = [1, 0]
  %xx = tensor.splat %x : tensor<3x4xf64>
  %s = arith.addf %a, %bb : tensor<3x4xf64>
  %t = arith.subf %s, %ct : tensor<3x4xf64>
  %u = arith.mulf %t, %xx : tensor<3x4xf64>
  func.return %u : tensor<3x4xf64>
}

// CHECK-LABEL: func.func @reduction
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<3x4xf64>) outs(%init : tensor<4xf64>) {
// CHECK-NEXT:    ^bb0(%[[A:.*]]: f64, %[[O:.*]]: f64):
// CHECK-NEXT:      %[[S:.*]] = arith.mulf %[[A]], %[[A]] : f64
// CHECK-NEXT:      %[[T:.*]] = arith.addf %[[S]], %[[O]] : f64
// CHECK-NEXT:      linalg.yield %[[T]] : f64
func.func @reduction(%a: tensor<3x4xf64>, %init: tensor<4xf64>) -> tensor<4xf64> {
  %s = arith.mulf %a, %a : tensor<3x4xf64>
  %r = linalg.reduce ins(%s : tensor<3x4xf64>) outs(%init : tensor<4xf64>) dimensions = [0]
  (%x: f64, %y: f64) {
    %t = arith.addf %x, %y : f64
    linalg.yield %t : f64
  }
  func.return %r : tensor<4xf64>
}

// A loop whose extent no operand tells gets it from one that isn't read.
// CHECK-LABEL: func.func @reduction_of_a_scalar
// CHECK:         %[[S:.*]] = tensor.empty() : tensor<7xf64>
// CHECK:         linalg.generic {{.*}} ins(%[[S]] : tensor<7xf64>)
func.func @reduction_of_a_scalar(%x: f64, %init: tensor<f64>) -> tensor<f64> {
  %s = tensor.splat %x : tensor<7xf64>
  %r = linalg.reduce ins(%s : tensor<7xf64>) outs(%init : tensor<f64>) dimensions = [0]
  (%p: f64, %q: f64) {
    %t = arith.mulf %p, %q : f64
    linalg.yield %t : f64
  }
  func.return %r : tensor<f64>
}

// What is dear and would be repeated is stored.
// CHECK-LABEL: func.func @stored
// CHECK:         %s = linalg.generic {{.*}} ins(%b : tensor<4xf64>)
// CHECK:           math.exp
// CHECK:         linalg.generic {{.*}} ins(%a, %s : tensor<3x4xf64>, tensor<4xf64>)
// CHECK-NOT:       math.exp
func.func @stored(%a: tensor<3x4xf64>, %b: tensor<4xf64>) -> tensor<3x4xf64> {
  %e = tensor.empty() : tensor<3x4xf64>
  %s = math.exp %b : tensor<4xf64>
  %bb = linalg.broadcast ins(%s : tensor<4xf64>) outs(%e : tensor<3x4xf64>) dimensions = [0]
  %r = arith.addf %a, %bb : tensor<3x4xf64>
  func.return %r : tensor<3x4xf64>
}

// What is cheap is computed again.
// CHECK-LABEL: func.func @duplicated
// CHECK-COUNT-2: arith.addf %{{.*}}, %{{.*}} : f64
// CHECK-NOT:     arith.addf
func.func @duplicated(%a: tensor<4xf64>, %b: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %s = arith.addf %a, %b : tensor<4xf64>
  %r = math.exp %s : tensor<4xf64>
  %t = math.sin %s : tensor<4xf64>
  func.return %r, %t : tensor<4xf64>, tensor<4xf64>
}

// Nothing is pulled into a loop.
// CHECK-LABEL: func.func @loop
// CHECK:         %s = linalg.generic
// CHECK:           arith.addf
// CHECK:         scf.for
// CHECK:           linalg.generic {{.*}} ins(%s, %acc
func.func @loop(%n: index, %a: tensor<4xf64>) -> tensor<4xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = arith.addf %a, %a : tensor<4xf64>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %a) -> (tensor<4xf64>) {
    %t = arith.mulf %s, %acc : tensor<4xf64>
    scf.yield %t : tensor<4xf64>
  }
  func.return %r : tensor<4xf64>
}

// One element of what isn't stored.
// CHECK-LABEL: func.func @element
// CHECK-NEXT:    %[[A:.*]] = tensor.extract %a[%i] : tensor<1000xf64>
// CHECK-NEXT:    %r = math.exp %[[A]] : f64
func.func @element(%a: tensor<1000xf64>, %i: index) -> f64 {
  %s = math.exp %a : tensor<1000xf64>
  %r = tensor.extract %s[%i] : tensor<1000xf64>
  func.return %r : f64
}

// Note [Late reads]: %d is read before %x is written over, and not after.
// CHECK-LABEL: func.func @late_read
// CHECK:         %d = linalg.generic
// CHECK:         tensor.insert_slice
// CHECK:         linalg.generic {{.*}} ins(%d
func.func @late_read(%x: tensor<100xf64> {dialectad.inout = 0 : i64}, %y: tensor<3xf64>) -> (tensor<100xf64>, tensor<3xf64>) {
  %s = tensor.extract_slice %x[0] [3] [1] : tensor<100xf64> to tensor<3xf64>
  %d = arith.addf %s, %s : tensor<3xf64>
  %u = tensor.insert_slice %y into %x[0] [3] [1] : tensor<3xf64> into tensor<100xf64>
  %r = arith.mulf %d, %y : tensor<3xf64>
  func.return %u, %r : tensor<100xf64>, tensor<3xf64>
}

// CHECK-LABEL: func.func @dynamic
// CHECK:         %[[E:.*]] = tensor.empty(%n) : tensor<?xf64>
// CHECK-NEXT:    linalg.generic {{.*}} outs(%[[E]] : tensor<?xf64>)
func.func @dynamic(%a: tensor<8x8xf64>, %i: index, %n: index) -> f64 {
  %zero = arith.constant 0.0 : f64
  %c0 = arith.constant 0 : index
  %s = tensor.extract_slice %a[%i, 0] [1, %n] [1, 1] : tensor<8x8xf64> to tensor<?xf64>
  %t = math.exp %s : tensor<?xf64>
  %e = "blas.dot"(%t, %t) : (tensor<?xf64>, tensor<?xf64>) -> f64
  func.return %e : f64
}

// Generics are fused too, with what `linalg.index` means in them.
// CHECK-LABEL: func.func @iota
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]
// CHECK:           linalg.index 1 : index
func.func @iota(%a: tensor<3x4xi64>) -> tensor<3x4xi64> {
  %e = tensor.empty() : tensor<4xi64>
  %f = tensor.empty() : tensor<3x4xi64>
  %i = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<4xi64>) {
  ^bb0(%o: i64):
    %d = linalg.index 0 : index
    %v = arith.index_cast %d : index to i64
    linalg.yield %v : i64
  } -> tensor<4xi64>
  %b = linalg.broadcast ins(%i : tensor<4xi64>) outs(%f : tensor<3x4xi64>) dimensions = [0]
  %r = arith.addi %a, %b : tensor<3x4xi64>
  func.return %r : tensor<3x4xi64>
}

// Of what is only sliced, only the slices are computed.
// CHECK-LABEL: func.func @slices
// CHECK-NOT:     tensor.empty() : tensor<8xf64>
// CHECK-DAG:     tensor.extract_slice %a[0] [3] [1]
// CHECK-DAG:     tensor.extract_slice %b[0] [3] [1]
// CHECK:         arith.addf
// CHECK:         math.exp
func.func @slices(%a: tensor<8xf64>, %b: tensor<8xf64>) -> (tensor<3xf64>, tensor<5xf64>) {
  %s = arith.addf %a, %b : tensor<8xf64>
  %t = tensor.extract_slice %s[0] [3] [1] : tensor<8xf64> to tensor<3xf64>
  %u = tensor.extract_slice %s[3] [5] [1] : tensor<8xf64> to tensor<5xf64>
  %v = math.exp %t : tensor<3xf64>
  func.return %v, %u : tensor<3xf64>, tensor<5xf64>
}

// A longer chain is computed once, and its slices are read where it is stored.
// CHECK-LABEL: func.func @slices_of_a_chain
// CHECK:         [[S:%.*]] = linalg.generic
// CHECK:         -> tensor<8xf64>
// CHECK:         tensor.extract_slice [[S]][0] [7] [1]
func.func @slices_of_a_chain(%a: tensor<8xf64>, %b: tensor<8xf64>) -> tensor<7xf64> {
  %0 = arith.addf %a, %b : tensor<8xf64>
  %1 = arith.mulf %0, %b : tensor<8xf64>
  %2 = arith.subf %1, %a : tensor<8xf64>
  %3 = arith.mulf %2, %b : tensor<8xf64>
  %4 = arith.addf %3, %a : tensor<8xf64>
  %t = tensor.extract_slice %4[0] [7] [1] : tensor<8xf64> to tensor<7xf64>
  %u = tensor.extract_slice %4[1] [7] [1] : tensor<8xf64> to tensor<7xf64>
  %v = arith.subf %u, %t : tensor<7xf64>
  func.return %v : tensor<7xf64>
}

// A number of the index, read backwards.
// CHECK-LABEL: func.func @countdown
// CHECK:         linalg.generic
// CHECK:           %[[I:.*]] = linalg.index 0 : index
// CHECK:           arith.muli %[[I]], %{{.*}} : index
// CHECK:           arith.addi
// CHECK:           arith.index_cast
func.func @countdown(%a: tensor<4xi64>) -> tensor<4xi64> {
  %e = tensor.empty() : tensor<4xi64>
  %i = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<4xi64>) {
  ^bb0(%o: i64):
    %d = linalg.index 0 : index
    %v = arith.index_cast %d : index to i64
    linalg.yield %v : i64
  } -> tensor<4xi64>
  %b = linalg.generic {indexing_maps = [affine_map<(i) -> (-i + 3)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%i, %a : tensor<4xi64>, tensor<4xi64>) outs(%e : tensor<4xi64>) {
  ^bb0(%x: i64, %y: i64, %o: i64):
    %s = arith.addi %x, %y : i64
    linalg.yield %s : i64
  } -> tensor<4xi64>
  func.return %b : tensor<4xi64>
}
