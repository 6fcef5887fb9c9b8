// RUN: dialectad-opt -p number-buffers --split-input-file --verify-diagnostics %s

func.func private @f(%x: memref<?xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %n = memref.dim %x, %c0 : memref<?xf64>
  %m = memref.alloc(%n) : memref<?xf64>
  %o = memref.alloc(%n) : memref<?xf64>
  // expected-error@+1 {{arrays whose extents are known only at run time, which a loop hands around}}
  %r, %q = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %m, %b = %o) -> (memref<?xf64>, memref<?xf64>) {
    scf.yield %b, %a : memref<?xf64>, memref<?xf64>
  }
  func.return
}

func.func @g(%x: memref<?xf64>, %y: memref<f64>, %tx: memref<?xf64>, %ty: memref<f64>) {
  "ad.jvp"(%x, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (memref<?xf64>, memref<f64>, memref<?xf64>, memref<f64>) -> ()
  func.return
}

// -----

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
