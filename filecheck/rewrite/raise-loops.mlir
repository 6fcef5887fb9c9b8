// RUN: dialectad-opt %s -p raise-loops,raise-to-blas,canonicalize,cse,dce | filecheck %s

// The loops stand in another order than the product's, and subtract.
// CHECK-LABEL: func.func @in_any_order
// CHECK-NOT:     scf.for
// CHECK:         "blas.gemm"(%x, %y, %c) <{alpha = -1.000000e+00 : f64, beta = 1.000000e+00 : f64}>
func.func @in_any_order(%x: tensor<5x6xf64>, %y: tensor<6x7xf64>, %c: tensor<5x7xf64> {dialectad.inout = 0 : i64}) -> tensor<5x7xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = arith.constant 5 : index
  %k = arith.constant 6 : index
  %n = arith.constant 7 : index
  %r = scf.for %i = %c0 to %m step %c1 iter_args(%r0 = %c) -> (tensor<5x7xf64>) {
    %r1 = scf.for %l = %c0 to %k step %c1 iter_args(%r2 = %r0) -> (tensor<5x7xf64>) {
      %a = tensor.extract %x[%i, %l] : tensor<5x6xf64>
      %r3 = scf.for %j = %c0 to %n step %c1 iter_args(%r4 = %r2) -> (tensor<5x7xf64>) {
        %b = tensor.extract %y[%l, %j] : tensor<6x7xf64>
        %p = arith.mulf %a, %b : f64
        %o = tensor.extract %r4[%i, %j] : tensor<5x7xf64>
        %s = arith.subf %o, %p : f64
        %t = tensor.insert %s into %r4[%i, %j] : tensor<5x7xf64>
        scf.yield %t : tensor<5x7xf64>
      }
      scf.yield %r3 : tensor<5x7xf64>
    }
    scf.yield %r1 : tensor<5x7xf64>
  }
  func.return %r : tensor<5x7xf64>
}

// A sum in a scalar, over parts of the tensors, scaled by a number and by an argument.
// CHECK-LABEL: func.func @parts
// CHECK-NOT:     scf.for
// CHECK:         %[[X:.*]] = tensor.extract_slice %x[2, 1, 0] [1, 20, 6] [1, 1, 1] : tensor<3x30x6xf64> to tensor<20x6xf64>
// CHECK:         %[[Z:.*]] = arith.mulf %{{.*}}, %[[X]]
// CHECK:         %[[P:.*]] = "blas.gemv"(%[[Z]], %v, %{{.*}}) <{alpha = 3.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK:         tensor.insert_slice %[[P]] into %c[3] [20] [1]
func.func @parts(%x: tensor<3x30x6xf64>, %v: tensor<6xf64>, %c: tensor<25xf64> {dialectad.inout = 0 : i64}, %f: f64) -> tensor<25xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %m = arith.constant 21 : index
  %k = arith.constant 6 : index
  %zero = arith.constant 0.0 : f64
  %three = arith.constant 3.0 : f64
  %r = scf.for %i = %c1 to %m step %c1 iter_args(%r0 = %c) -> (tensor<25xf64>) {
    %s = scf.for %l = %c0 to %k step %c1 iter_args(%t = %zero) -> (f64) {
      %a = tensor.extract %x[%c2, %i, %l] : tensor<3x30x6xf64>
      %b = tensor.extract %v[%l] : tensor<6xf64>
      %fa = arith.mulf %f, %a : f64
      %p = arith.mulf %fa, %b : f64
      %q = arith.mulf %p, %three : f64
      %u = arith.addf %t, %q : f64
      scf.yield %u : f64
    }
    %j = arith.addi %i, %c2 : index
    %r1 = tensor.insert %s into %r0[%j] : tensor<25xf64>
    scf.yield %r1 : tensor<25xf64>
  }
  func.return %r : tensor<25xf64>
}

// Each of the outer iterations writes over what the one before wrote.
// CHECK-LABEL: func.func @the_last_one_wins
// CHECK-NOT:     blas
// CHECK:         scf.for
func.func @the_last_one_wins(%x: tensor<30x6xf64>, %v: tensor<6xf64>, %c: tensor<6xf64>) -> tensor<6xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = arith.constant 30 : index
  %k = arith.constant 6 : index
  %r = scf.for %i = %c0 to %m step %c1 iter_args(%r0 = %c) -> (tensor<6xf64>) {
    %r1 = scf.for %l = %c0 to %k step %c1 iter_args(%r2 = %r0) -> (tensor<6xf64>) {
      %a = tensor.extract %x[%i, %l] : tensor<30x6xf64>
      %b = tensor.extract %v[%l] : tensor<6xf64>
      %p = arith.mulf %a, %b : f64
      %t = tensor.insert %p into %r2[%l] : tensor<6xf64>
      scf.yield %t : tensor<6xf64>
    }
    scf.yield %r1 : tensor<6xf64>
  }
  func.return %r : tensor<6xf64>
}

// A factor is read from what is written.
// CHECK-LABEL: func.func @in_place
// CHECK-NOT:     blas
// CHECK:         scf.for
func.func @in_place(%c: tensor<9x9xf64>) -> tensor<9x9xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = arith.constant 9 : index
  %r = scf.for %l = %c0 to %m step %c1 iter_args(%r0 = %c) -> (tensor<9x9xf64>) {
    %r1 = scf.for %i = %c0 to %m step %c1 iter_args(%r2 = %r0) -> (tensor<9x9xf64>) {
      %r3 = scf.for %j = %c0 to %m step %c1 iter_args(%r4 = %r2) -> (tensor<9x9xf64>) {
        %a = tensor.extract %r4[%i, %l] : tensor<9x9xf64>
        %b = tensor.extract %r4[%l, %j] : tensor<9x9xf64>
        %p = arith.mulf %a, %b : f64
        %o = tensor.extract %r4[%i, %j] : tensor<9x9xf64>
        %s = arith.subf %o, %p : f64
        %t = tensor.insert %s into %r4[%i, %j] : tensor<9x9xf64>
        scf.yield %t : tensor<9x9xf64>
      }
      scf.yield %r3 : tensor<9x9xf64>
    }
    scf.yield %r1 : tensor<9x9xf64>
  }
  func.return %r : tensor<9x9xf64>
}
