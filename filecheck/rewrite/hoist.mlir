// RUN: dialectad-opt -p hoist %s | filecheck %s

// CHECK-LABEL: func.func @out_of_two_loops
// CHECK:         %e = math.exp %x : f64
// CHECK-NEXT:    scf.for
// CHECK-NEXT:      %f = arith.mulf %e, %a : f64
// CHECK-NEXT:      scf.for
func.func @out_of_two_loops(%n: index, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %s = scf.for %j = %c0 to %n step %c1 iter_args(%b = %a) -> (f64) {
      %e = math.exp %x : f64
      %f = arith.mulf %e, %a : f64
      %g = arith.addf %f, %b : f64
      scf.yield %g : f64
    }
    scf.yield %s : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @not_out_of_branches
// CHECK:         scf.for
// CHECK:           scf.if
// CHECK-NEXT:        math.exp
func.func @not_out_of_branches(%n: index, %x: f64, %c: i1) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %s = scf.if %c -> (f64) {
      %e = math.exp %x : f64
      %f = arith.mulf %e, %a : f64
      scf.yield %f : f64
    } else {
      scf.yield %a : f64
    }
    scf.yield %s : f64
  }
  func.return %r : f64
}

// Divisions by who knows what, and accesses that nobody has checked yet.
// CHECK-LABEL: func.func @traps
// CHECK:         arith.divsi %k, %seven
// CHECK:         scf.for
// CHECK:           cf.assert
// CHECK:           arith.divsi %k, %k
// CHECK:           tensor.extract
func.func @traps(%n: index, %k: i64, %t: tensor<4xf64>, %ok: i1) -> (f64, i64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f64
  %seven = arith.constant 7 : i64
  %r, %s = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero, %b = %k) -> (f64, i64) {
    cf.assert %ok, "IndexError: no"
    %p = arith.divsi %k, %seven : i64
    %q = arith.divsi %k, %k : i64
    %e = tensor.extract %t[%n] : tensor<4xf64>
    %f = arith.addf %a, %e : f64
    %g = arith.addi %p, %q : i64
    %h = arith.addi %g, %b : i64
    scf.yield %f, %h : f64, i64
  }
  func.return %r, %s : f64, i64
}

// A place to write to goes along with what writes to it, and not alone.
// CHECK-LABEL: func.func @places
// CHECK:         %e = tensor.empty()
// CHECK-NEXT:    linalg.transpose
// CHECK-NEXT:    scf.for
// CHECK-NEXT:      %z = tensor.splat
func.func @places(%n: index, %x: f64, %a: tensor<3x4xf64>) -> tensor<4x3xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %i0 = tensor.splat %x : tensor<4x3xf64>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %i0) -> (tensor<4x3xf64>) {
    %e = tensor.empty() : tensor<4x3xf64>
    %t = linalg.transpose ins(%a : tensor<3x4xf64>) outs(%e : tensor<4x3xf64>) permutation = [1, 0]
    %z = tensor.splat %x : tensor<4x3xf64>
    %s = arith.addf %t, %acc : tensor<4x3xf64>
    %u = arith.addf %s, %z : tensor<4x3xf64>
    scf.yield %u : tensor<4x3xf64>
  }
  func.return %r : tensor<4x3xf64>
}
