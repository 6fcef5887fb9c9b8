// RUN: dialectad-opt -p number-buffers --split-input-file --verify-diagnostics %s

func.func private @f(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %m = memref.alloc() : memref<4xf64>
  // expected-error@+1 {{a loop that goes on with memory of another place than those it began with}}
  %r = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %m) -> (memref<4xf64>) {
    %n = memref.alloc() : memref<4xf64>
    scf.yield %n : memref<4xf64>
  }
  func.return
}

func.func @g(%x: memref<4xf64>, %y: memref<f64>, %tx: memref<4xf64>, %ty: memref<f64>) {
  "ad.jvp"(%x, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}
