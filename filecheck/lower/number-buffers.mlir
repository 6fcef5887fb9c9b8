// RUN: dialectad-opt -p number-buffers --split-input-file %s | filecheck %s

// What a loop hands around become rows of one buffer; the loop hands around their numbers.
func.func private @f(%x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f64
  %m = memref.alloc() : memref<4xf64>
  %n = memref.alloc() : memref<4xf64>
  %r, %s, %q = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %m, %sum = %zero, %b = %n) -> (memref<4xf64>, f64, memref<4xf64>) {
    %v = memref.load %a[%t] : memref<4xf64>
    memref.store %v, %b[%t] : memref<4xf64>
    scf.yield %b, %v, %a : memref<4xf64>, f64, memref<4xf64>
  }
  "memref.copy"(%r, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

func.func @g(%x: memref<4xf64>, %y: memref<4xf64>, %tx: memref<4xf64>, %ty: memref<4xf64>) {
  "ad.jvp"(%x, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func private @f(
// CHECK:           %[[V:.*]] = memref.alloc() {alignment = 64 : i64} : memref<128xi8>
// CHECK:           %[[M:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           %[[V2:.*]] = arith.muli %{{.*}}, %{{.*}}
// CHECK:           %[[V3:.*]] = memref.view %[[V]][%[[V2]]][] : memref<128xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%[[M]], %[[V3]])
// CHECK:           %[[V4:.*]] = arith.muli %{{.*}}, %{{.*}}
// CHECK:           %[[V5:.*]] = memref.view %[[V]][%[[V4]]][] : memref<128xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%{{.*}}, %[[V5]])
// CHECK:           %[[V6:.*]], %{{.*}}, %[[V7:.*]] = scf.for %[[T:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[V8:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %[[V9:.*]] = %{{.*}}) -> (index, f64, index) {
// CHECK:             %[[V10:.*]] = arith.muli %[[V9]], %{{.*}}
// CHECK:             %[[B:.*]] = memref.view %[[V]][%[[V10]]][] : memref<128xi8> to memref<4xf64>
// CHECK:             %[[V11:.*]] = arith.muli %[[V8]], %{{.*}}
// CHECK:             %[[A:.*]] = memref.view %[[V]][%[[V11]]][] : memref<128xi8> to memref<4xf64>
// CHECK:             %[[V12:.*]] = memref.load %[[A]][%[[T]]]
// CHECK:             memref.store %[[V12]], %[[B]][%[[T]]]
// CHECK:             scf.yield %[[V9]], %[[V12]], %[[V8]]
// CHECK:           %[[V13:.*]] = arith.muli %[[V6]], %{{.*}}
// CHECK:           %[[R:.*]] = memref.view %[[V]][%[[V13]]][] : memref<128xi8> to memref<4xf64>
// CHECK:           %[[V14:.*]] = arith.muli %[[V7]], %{{.*}}
// CHECK:           %{{.*}} = memref.view %[[V]][%[[V14]]][] : memref<128xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%[[R]], %y)
// CHECK-LABEL: func.func @g(

// -----

// In a `while` too; buffers of different types are rows of different ones, with 64 bytes at least.
func.func private @f(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %m = memref.alloc() : memref<4xf64>
  %n = memref.alloc() : memref<9xf32>
  %r, %q, %j = scf.while (%a = %m, %b = %n, %i = %c0) : (memref<4xf64>, memref<9xf32>, index) -> (memref<4xf64>, memref<9xf32>, index) {
    %go = arith.cmpi slt, %i, %c3 : index
    scf.condition(%go) %a, %b, %i : memref<4xf64>, memref<9xf32>, index
  } do {
  ^bb0(%a : memref<4xf64>, %b : memref<9xf32>, %i : index):
    %k = arith.addi %i, %c1 : index
    scf.yield %a, %b, %k : memref<4xf64>, memref<9xf32>, index
  }
  %v = memref.load %r[%j] : memref<4xf64>
  memref.store %v, %y[] : memref<f64>
  func.return
}

func.func @g(%x: memref<4xf64>, %y: memref<f64>, %tx: memref<4xf64>, %ty: memref<f64>) {
  "ad.jvp"(%x, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "llvm"}> : (memref<4xf64>, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func private @f(
// CHECK:           %[[V:.*]] = memref.alloc() {alignment = 64 : i64} : memref<64xi8>
// CHECK:           %[[V2:.*]] = memref.alloc() {alignment = 64 : i64} : memref<64xi8>
// CHECK:           %[[M:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           %[[V3:.*]] = arith.muli %{{.*}}, %{{.*}}
// CHECK:           %[[V4:.*]] = memref.view %[[V2]][%[[V3]]][] : memref<64xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%[[M]], %[[V4]])
// CHECK:           %[[V5:.*]] = arith.muli %{{.*}}, %{{.*}}
// CHECK:           %[[V6:.*]] = memref.view %[[V]][%[[V5]]][] : memref<64xi8> to memref<9xf32>
// CHECK:           "memref.copy"(%{{.*}}, %[[V6]])
// CHECK:           %[[V7:.*]], %[[V8:.*]], %[[J:.*]] = scf.while (%[[V9:.*]] = %{{.*}}, %[[V10:.*]] = %{{.*}}, %[[I:.*]] = %{{.*}}) : (index, index, index) -> (index, index, index) {
// CHECK:             %[[V11:.*]] = arith.muli %[[V10]], %{{.*}}
// CHECK:             %{{.*}} = memref.view %[[V]][%[[V11]]][] : memref<64xi8> to memref<9xf32>
// CHECK:             %[[V12:.*]] = arith.muli %[[V9]], %{{.*}}
// CHECK:             %{{.*}} = memref.view %[[V2]][%[[V12]]][] : memref<64xi8> to memref<4xf64>
// CHECK:             %[[GO:.*]] = arith.cmpi slt, %[[I]], %{{.*}}
// CHECK:             scf.condition(%[[GO]]) %[[V9]], %[[V10]], %[[I]]
// CHECK:             %[[V13:.*]] = arith.muli %{{.*}}, %{{.*}}
// CHECK:             %{{.*}} = memref.view %[[V]][%[[V13]]][] : memref<64xi8> to memref<9xf32>
// CHECK:             %[[V14:.*]] = arith.muli %{{.*}}, %{{.*}}
// CHECK:             %{{.*}} = memref.view %[[V2]][%[[V14]]][] : memref<64xi8> to memref<4xf64>
// CHECK:             %[[K:.*]] = arith.addi %{{.*}}, %{{.*}}
// CHECK:             scf.yield %{{.*}}, %{{.*}}, %[[K]]
// CHECK:           %[[V15:.*]] = arith.muli %[[V7]], %{{.*}}
// CHECK:           %[[R:.*]] = memref.view %[[V2]][%[[V15]]][] : memref<64xi8> to memref<4xf64>
// CHECK:           %[[V16:.*]] = arith.muli %[[V8]], %{{.*}}
// CHECK:           %{{.*}} = memref.view %[[V]][%[[V16]]][] : memref<64xi8> to memref<9xf32>
// CHECK:           %[[V17:.*]] = memref.load %[[R]][%[[J]]]
// CHECK:           memref.store %[[V17]], %y[]
// CHECK-LABEL: func.func @g(

// -----

// Extents that aren't known go around with the numbers; the rows are as long as the longest of the buffers.
func.func private @f(%x: memref<?x2xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %n = memref.dim %x, %c0 : memref<?x2xf64>
  %k = arith.addi %n, %c1 : index
  %m = memref.alloc(%n) : memref<?x2xf64>
  %o = memref.alloc(%k) : memref<?x2xf64>
  %r, %q = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %m, %b = %o) -> (memref<?x2xf64>, memref<?x2xf64>) {
    scf.yield %b, %a : memref<?x2xf64>, memref<?x2xf64>
  }
  %v = memref.load %r[%c0, %c1] : memref<?x2xf64>
  memref.store %v, %y[] : memref<f64>
  func.return
}

func.func @g(%x: memref<?x2xf64>, %y: memref<f64>, %tx: memref<?x2xf64>, %ty: memref<f64>) {
  "ad.jvp"(%x, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (memref<?x2xf64>, memref<f64>, memref<?x2xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func private @f(
// CHECK:           %[[MAX:.*]] = arith.maxsi
// CHECK:           %[[UNITS:.*]] = arith.ceildivsi %[[MAX]], %{{.*}}
// CHECK:           %[[STRIDE:.*]] = arith.muli %[[UNITS]], %{{.*}}
// CHECK:           %[[TOTAL:.*]] = arith.muli %[[STRIDE]], %{{.*}}
// CHECK:           %[[ROWS:.*]] = memref.alloc(%[[TOTAL]]) {alignment = 64 : i64} : memref<?xi8>
// CHECK:           %[[O:.*]] = arith.muli %{{.*}}, %[[STRIDE]]
// CHECK:           memref.view %[[ROWS]][%[[O]]][%n] : memref<?xi8> to memref<?x2xf64>
// CHECK:           memref.view %[[ROWS]][%{{.*}}][%k] : memref<?xi8> to memref<?x2xf64>
// CHECK:           %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} = scf.for {{.*}} -> (index, index, index, index)
// CHECK:           memref.dealloc %[[ROWS]]

// -----

// Where it is known what fits in, the rows are allocated before all loops.
func.func private @f(%x: memref<f64>, %n: index, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %p = memref.alloc() : memref<40xi8>
  %q = memref.alloc() : memref<80xi8>
  %m = memref.view %p[%c0][%n] : memref<40xi8> to memref<?xf64>
  %o = memref.view %q[%c0][%n] : memref<80xi8> to memref<?xf64>
  %r, %s = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %m, %b = %o) -> (memref<?xf64>, memref<?xf64>) {
    scf.yield %b, %a : memref<?xf64>, memref<?xf64>
  }
  func.return
}

func.func @g(%x: memref<f64>, %n: index, %y: memref<f64>, %tx: memref<f64>, %ty: memref<f64>) {
  "ad.jvp"(%x, %n, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (memref<f64>, index, memref<f64>, memref<f64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func private @f(
// CHECK-NEXT:      memref.alloc() {alignment = 64 : i64} : memref<256xi8>

// -----

// What nothing differentiates stays as it is.
func.func @unasked(%m: memref<4xf64>, %n: memref<4xf64>, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r, %q = scf.for %t = %c0 to %k step %c1 iter_args(%a = %m, %b = %n) -> (memref<4xf64>, memref<4xf64>) {
    scf.yield %b, %a : memref<4xf64>, memref<4xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @unasked(
// CHECK:           %{{.*}}, %{{.*}} = scf.for %{{.*}} = %{{.*}} to %k step %{{.*}} iter_args(%[[A:.*]] = %m, %[[B:.*]] = %n) -> (memref<4xf64>, memref<4xf64>) {
// CHECK:             scf.yield %[[B]], %[[A]]
