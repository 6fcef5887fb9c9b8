// RUN: dialectad-opt -p bufferize %s | filecheck %s

// The callee of a request writes into none of its arguments.
// CHECK-LABEL: func.func private @f(%x: memref<4xf64>, %s: f64, %out0: memref<f64>, %out1: memref<4xf64>) attributes {dialectad.outs = 2 : i64}
func.func private @f(%x: tensor<4xf64> {dialectad.inout = 1 : i64}, %s: f64) -> (f64, tensor<4xf64>) {
  %c = arith.constant 0 : index
  %v = tensor.extract %x[%c] : tensor<4xf64>
  %p = arith.mulf %v, %s : f64
  %t = tensor.insert %p into %x[%c] : tensor<4xf64>
  func.return %p, %t : f64, tensor<4xf64>
}

// Arguments, outs, what is added to, what may be overwritten. The primal result and the gradient are
// computed where they belong; scalars are in memory where they are written.
// CHECK-LABEL: func.func @reverse(
// CHECK-SAME:      %x: memref<4xf64>, %s: f64, %dy: f64, %dt: memref<4xf64>,
// CHECK-SAME:      %out0: memref<4xf64>, %out1: memref<4xf64>, %out2: memref<f64>)
// CHECK-NEXT:    %[[Y:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    %[[DS:.*]] = memref.alloc() : memref<f64>
// CHECK:         linalg.fill ins({{.*}} : f64) outs(%out1 : memref<4xf64>)
// CHECK:         linalg.fill ins({{.*}} : f64) outs(%[[DS]] : memref<f64>)
// CHECK:         %[[DY:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    memref.store %dy, %[[DY]][] : memref<f64>
// CHECK-NEXT:    %[[DT:.*]] = memref.alloc() : memref<4xf64>
// CHECK-NEXT:    "memref.copy"(%dt, %[[DT]])
// CHECK-NEXT:    "ad.vjp"(%x, %s, %[[Y]], %out0, %out1, %[[DS]], %[[DY]], %[[DT]]) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0, 1>, level = "loop"}>
// CHECK-SAME:      (memref<4xf64>, f64, memref<f64>, memref<4xf64>, memref<4xf64>, memref<f64>, memref<f64>, memref<4xf64>) -> ()
// CHECK-NEXT:    %ds = memref.load %[[DS]][] : memref<f64>
// CHECK-NEXT:    memref.store %ds, %out2[]
func.func @reverse(%x: tensor<4xf64>, %s: f64, %dy: f64, %dt: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>, f64) {
  %y, %t, %dx, %ds = "ad.vjp"(%x, %s, %dy, %dt) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0, 1>, level = "loop"}>
    : (tensor<4xf64>, f64, f64, tensor<4xf64>) -> (f64, tensor<4xf64>, tensor<4xf64>, f64)
  func.return %t, %dx, %ds : tensor<4xf64>, tensor<4xf64>, f64
}

// Arguments, outs, tangents of the arguments, tangents of the results.
// CHECK-LABEL: func.func @forward(
// CHECK-NEXT:    %[[Y:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    %[[T:.*]] = memref.alloc() : memref<4xf64>
// CHECK-NEXT:    %[[TY:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    "ad.jvp"(%x, %s, %[[Y]], %[[T]], %tx, %s, %[[TY]], %out1) <{callee = @f, active = array<i64: 0, 1>, level = "llvm"}>
// CHECK-NEXT:    %ty = memref.load %[[TY]][] : memref<f64>
func.func @forward(%x: tensor<4xf64>, %s: f64, %tx: tensor<4xf64>) -> (f64, tensor<4xf64>) {
  %y, %t, %ty, %tt = "ad.jvp"(%x, %s, %tx, %s) <{callee = @f, active = array<i64: 0, 1>, level = "llvm"}>
    : (tensor<4xf64>, f64, tensor<4xf64>, f64) -> (f64, tensor<4xf64>, f64, tensor<4xf64>)
  func.return %ty, %tt : f64, tensor<4xf64>
}

// What stops derivatives is elementwise.
// CHECK-LABEL: func.func private @stop
// CHECK:         linalg.generic
// CHECK:           "ad.stop"(%{{.*}}) : (f64) -> f64
func.func private @stop(%x: tensor<4xf64>) -> tensor<4xf64> {
  %y = "ad.stop"(%x) : (tensor<4xf64>) -> tensor<4xf64>
  func.return %y : tensor<4xf64>
}

// A call that is differentiated on its own stays a call.
// CHECK-LABEL: func.func private @calls
// CHECK:         %[[Y:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    func.call @f(%x, %s, %[[Y]], %out0) {dialectad.level = "llvm", dialectad.outs = 2 : i64} : (memref<4xf64>, f64, memref<f64>, memref<4xf64>) -> ()
// CHECK-NEXT:    %y = memref.load %[[Y]][]
func.func private @calls(%x: tensor<4xf64>, %s: f64) -> (tensor<4xf64>, f64) {
  %y, %t = func.call @f(%x, %s) {dialectad.level = "llvm"} : (tensor<4xf64>, f64) -> (f64, tensor<4xf64>)
  func.return %t, %y : tensor<4xf64>, f64
}

// A call, and later its pullback: that reads what the call has written, and scalars among it from memory.
// CHECK-LABEL: func.func @apart(
// CHECK-SAME:      %x: memref<4xf64>, %s: f64, %dt: memref<4xf64>, %[[DX:out.*]]: memref<4xf64>)
// CHECK:         %[[R:.*]] = "ad.augmented"(%x, %s, %[[Y:.*]], %[[T:.*]]) <{callee = @f}> {dialectad.outs = 2 : i64} : (memref<4xf64>, f64, memref<f64>, memref<4xf64>) -> !ad.run
// CHECK-NEXT:    %y = memref.load %[[Y]][]
// CHECK:         linalg.fill ins({{.*}} : f64) outs(%[[DX]] : memref<4xf64>)
// CHECK:         memref.store %y, %[[YY:.*]][] : memref<f64>
// CHECK-NEXT:    "ad.pullback"(%[[R]], %x, %s, %[[YY]], %[[T]], %[[DX]], %{{.*}}) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 1>, level = "loop"}>
func.func @apart(%x: tensor<4xf64>, %s: f64, %dt: tensor<4xf64>) -> tensor<4xf64> {
  %y, %t, %run = "ad.augmented"(%x, %s) <{callee = @f}> : (tensor<4xf64>, f64) -> (f64, tensor<4xf64>, !ad.run)
  %dx = "ad.pullback"(%run, %x, %s, %y, %t, %dt) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 1>, level = "loop"}> : (!ad.run, tensor<4xf64>, f64, f64, tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  func.return %dx : tensor<4xf64>
}

// A call writes into an argument in place where nobody needs what was there, and into a copy otherwise.
// CHECK-LABEL: func.func private @descend(%a: memref<4xf64> {dialectad.inout = 0 : i64}, %n: i64)
// CHECK:         memref.store %{{.*}}, %a[%{{.*}}]
// CHECK-NOT:     memref.alloc
// CHECK:         func.call @descend(%a, %{{.*}}) : (memref<4xf64>, i64) -> ()
// CHECK-LABEL: func.func @both(%a: memref<4xf64>, %n: i64, %out0: memref<4xf64>, %out1: memref<4xf64>)
// CHECK:         "memref.copy"(%a, %[[A:[a-z0-9]+]])
// CHECK:         func.call @descend(%[[A]], %n) : (memref<4xf64>, i64) -> ()
func.func private @descend(%a: tensor<4xf64> {dialectad.inout = 0 : i64}, %n: i64) -> tensor<4xf64> {
  %zero = arith.constant 0 : i64
  %goes_on = arith.cmpi sgt, %n, %zero : i64
  %r = scf.if %goes_on -> (tensor<4xf64>) {
    %minus = arith.constant -1 : i64
    %m = arith.addi %n, %minus : i64
    %i = arith.index_cast %m : i64 to index
    %x = tensor.extract %a[%i] : tensor<4xf64>
    %y = arith.mulf %x, %x : f64
    %b = tensor.insert %y into %a[%i] : tensor<4xf64>
    %c = func.call @descend(%b, %m) : (tensor<4xf64>, i64) -> tensor<4xf64>
    scf.yield %c : tensor<4xf64>
  } else {
    scf.yield %a : tensor<4xf64>
  }
  func.return %r : tensor<4xf64>
}
func.func @both(%a: tensor<4xf64>, %n: i64) -> (tensor<4xf64>, tensor<4xf64>) {
  %b = func.call @descend(%a, %n) : (tensor<4xf64>, i64) -> tensor<4xf64>
  func.return %a, %b : tensor<4xf64>, tensor<4xf64>
}

// Memory for results of unknown extents is as large as the callee's arithmetic says.
// CHECK-LABEL: func.func private @tail(%x: memref<?xf64>, %k: index, %out0: memref<?xf64>)
// CHECK-LABEL: func.func @tails(
// CHECK:         %[[N:[a-z0-9]+]] = memref.dim %x
// CHECK:         %[[M:[a-z0-9]+]] = arith.subi %[[N]], %k : index
// CHECK:         %[[S:[a-z0-9]+]] = arith.maxsi %[[M]], %{{.*}} : index
// CHECK:         %[[Y:[a-z0-9]+]] = memref.alloc(%[[S]]) : memref<?xf64>
// CHECK:         %[[T:[a-z0-9]+]] = memref.alloc(%{{[a-z0-9]+}}) : memref<?xf64>
// CHECK:         "ad.jvp"(%x, %k, %[[Y]], %tx, %[[T]])
func.func private @tail(%x: tensor<?xf64>, %k: index) -> tensor<?xf64> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf64>
  %m = arith.subi %n, %k : index
  %s = tensor.extract_slice %x[%k] [%m] [1] : tensor<?xf64> to tensor<?xf64>
  %y = arith.mulf %s, %s : tensor<?xf64>
  func.return %y : tensor<?xf64>
}
func.func @tails(%x: tensor<?xf64>, %k: index, %tx: tensor<?xf64>) -> f64 {
  %y, %ty = "ad.jvp"(%x, %k, %tx) <{callee = @tail, active = array<i64: 0>, level = "loop"}> : (tensor<?xf64>, index, tensor<?xf64>) -> (tensor<?xf64>, tensor<?xf64>)
  %c0 = arith.constant 0 : index
  %r = tensor.extract %ty[%c0] : tensor<?xf64>
  func.return %r : f64
}
