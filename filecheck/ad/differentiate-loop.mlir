// RUN: dialectad-opt -p "number-buffers,differentiate{level=loop},inline,canonicalize,cse,dce" --split-input-file %s | filecheck %s

// A load adds to the shadow; a store takes from it and clears it. What a store overwrites has no influence.
func.func private @f(%x: memref<4xf64>, %i: index, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %v = memref.load %x[%i] : memref<4xf64>
  %r = math.sin %v : f64
  memref.store %r, %y[] : memref<f64>
  func.return
}

func.func @load_store(%x: memref<4xf64>, %i: index, %y: memref<f64>, %dx: memref<4xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %i, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, index, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @load_store(
// CHECK:           %[[V:.*]] = memref.load %x[%i]
// CHECK:           %[[R:.*]] = math.sin %[[V]]
// CHECK:           memref.store %[[R]], %y[]
// CHECK:           %[[DR:.*]] = memref.load %dy[]
// CHECK:           %[[V2:.*]] = math.cos %[[V]]
// CHECK:           %[[DV:.*]] = arith.mulf %[[DR]], %[[V2]]
// CHECK:           %[[V3:.*]] = memref.load %dx[%i]
// CHECK:           %[[V4:.*]] = arith.addf %[[V3]], %[[DV]]
// CHECK:           memref.store %{{.*}}, %dy[]
// CHECK:           memref.store %[[V4]], %dx[%i]

// -----

// An element is overwritten in place: one value is cached for an iteration, that which is lost.
func.func private @f(%x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  "memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  scf.for %i = %c1 to %c4 step %c1 {
    %j = arith.subi %i, %c1 : index
    %a = memref.load %y[%j] : memref<4xf64>
    %b = memref.load %y[%i] : memref<4xf64>
    %p = arith.mulf %a, %b : f64
    memref.store %p, %y[%i] : memref<4xf64>
  }
  func.return
}

func.func @in_place(%x: memref<4xf64>, %y: memref<4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @in_place(
// CHECK:           "memref.copy"(%x, %y)
// CHECK:           %[[V:.*]] = "ad.cache"(%{{.*}}){{.*}} : (index) -> !ad.cache<f64>
// CHECK:           scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[J:.*]] = arith.addi %[[I]], %{{.*}}
// CHECK:             %[[A:.*]] = memref.load %y[%[[J]]]
// CHECK:             %[[B:.*]] = memref.load %y[%[[I]]]
// CHECK:             "ad.push"(%[[V]], %[[B]])
// CHECK:             %[[P:.*]] = arith.mulf %[[A]], %[[B]]
// CHECK:             memref.store %[[P]], %y[%[[I]]]
// CHECK:           scf.for %[[V2:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V3:.*]] = arith.subi %{{.*}}, %[[V2]]
// CHECK:             %[[V4:.*]] = "ad.pop"(%[[V]])
// CHECK:             %[[J2:.*]] = arith.subi %{{.*}}, %[[V2]]
// CHECK:             %[[A2:.*]] = memref.load %y[%[[J2]]]
// CHECK:             %[[DP:.*]] = memref.load %dy[%[[V3]]]
// CHECK:             %[[DA:.*]] = arith.mulf %[[DP]], %[[V4]]
// CHECK:             %[[DB:.*]] = arith.mulf %[[DP]], %[[A2]]
// CHECK:             memref.store %[[DB]], %dy[%[[V3]]]
// CHECK:             %[[V5:.*]] = memref.load %dy[%[[J2]]]
// CHECK:             %[[V6:.*]] = arith.addf %[[V5]], %[[DA]]
// CHECK:             memref.store %[[V6]], %dy[%[[J2]]]
// CHECK:           linalg.generic {{.*}} ins(%dy{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy

// -----

// What is read survives until the reverse sweep, and so is read again: no cache.
func.func private @f(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f64
  %s = scf.for %i = %c0 to %c4 step %c1 iter_args(%acc = %zero) -> (f64) {
    %v = memref.load %x[%i] : memref<4xf64>
    %p = arith.mulf %v, %v : f64
    %t = arith.addf %acc, %p : f64
    scf.yield %t : f64
  }
  memref.store %s, %y[] : memref<f64>
  func.return
}

func.func @survives(%x: memref<4xf64>, %y: memref<f64>, %dx: memref<4xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @survives(
// CHECK:           %[[S:.*]] = scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[ACC:.*]] = %{{.*}}) -> (f64) {
// CHECK:             %[[V:.*]] = memref.load %x[%[[I]]]
// CHECK:             %[[P:.*]] = arith.mulf %[[V]], %[[V]]
// CHECK:             %[[T:.*]] = arith.addf %[[ACC]], %[[P]]
// CHECK:             scf.yield %[[T]]
// CHECK:           memref.store %[[S]], %y[]
// CHECK:           %[[DS:.*]] = memref.load %dy[]
// CHECK:           memref.store %{{.*}}, %dy[]
// CHECK:           scf.for %[[V2:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V3:.*]] = arith.subi %{{.*}}, %[[V2]]
// CHECK:             %[[V4:.*]] = memref.load %x[%[[V3]]]
// CHECK:             %[[DV:.*]] = arith.mulf %[[DS]], %[[V4]]
// CHECK:             %[[DV2:.*]] = arith.addf %[[DV]], %[[DV]]
// CHECK:             %[[V5:.*]] = memref.load %dx[%[[V3]]]
// CHECK:             %[[V6:.*]] = arith.addf %[[V5]], %[[DV2]]
// CHECK:             memref.store %[[V6]], %dx[%[[V3]]]

// -----

// An allocation has a shadow of zeros, given back at the end; a view of it has the same view of the shadow.
func.func private @f(%x: memref<3x4xf64>, %i: index, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %m = memref.alloc() : memref<3x4xf64>
  "memref.copy"(%x, %m) : (memref<3x4xf64>, memref<3x4xf64>) -> ()
  %row = memref.subview %m[%i, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: ?>>
  "memref.copy"(%row, %y) : (memref<4xf64, strided<[1], offset: ?>>, memref<4xf64>) -> ()
  memref.dealloc %m : memref<3x4xf64>
  func.return
}

func.func @views(%x: memref<3x4xf64>, %i: index, %y: memref<4xf64>, %dx: memref<3x4xf64>, %dy: memref<4xf64>) {
  "ad.vjp"(%x, %i, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<3x4xf64>, index, memref<4xf64>, memref<3x4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @views(
// CHECK:           %[[M:.*]] = memref.alloc() : memref<3x4xf64>
// CHECK:           %[[M2:.*]] = memref.alloc() : memref<3x4xf64>
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           "memref.copy"(%x, %[[M]])
// CHECK:           %[[ROW:.*]] = memref.subview %[[M]][%i, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: ?>>
// CHECK:           %[[ROW2:.*]] = memref.subview %[[M2]][%i, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: ?>>
// CHECK:           "memref.copy"(%[[ROW]], %y)
// CHECK:           linalg.generic {{.*}} ins(%dy{{.*}} outs(%[[ROW2]]
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy
// CHECK:           linalg.generic {{.*}} ins(%[[M2]]{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           memref.dealloc %[[M2]]
// CHECK:           memref.dealloc %[[M]]

// -----

// A loop that swaps buffers hands their numbers around; the shadows are rows of one buffer too.
func.func private @f(%x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %m = memref.alloc() : memref<4xf64>
  %n = memref.alloc() : memref<4xf64>
  "memref.copy"(%x, %m) : (memref<4xf64>, memref<4xf64>) -> ()
  %r, %q = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %m, %b = %n) -> (memref<4xf64>, memref<4xf64>) {
    %v = memref.load %a[%t] : memref<4xf64>
    %w = math.sin %v : f64
    memref.store %w, %b[%t] : memref<4xf64>
    scf.yield %b, %a : memref<4xf64>, memref<4xf64>
  }
  "memref.copy"(%r, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  memref.dealloc %m : memref<4xf64>
  memref.dealloc %n : memref<4xf64>
  func.return
}

func.func @swap(%x: memref<4xf64>, %y: memref<4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @swap(
// CHECK:           %[[V:.*]] = memref.alloc() {alignment = 64 : i64} : memref<128xi8>
// CHECK:           %[[V2:.*]] = memref.alloc() {alignment = 64 : i64} : memref<128xi8>
// CHECK:           linalg.fill ins(%{{.*}} : i8) outs(%[[V2]]
// CHECK:           %[[M:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           %[[M2:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           %[[N:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           "memref.copy"(%x, %[[M]])
// CHECK:           %[[V3:.*]] = memref.view %[[V]][%{{.*}}][] : memref<128xi8> to memref<4xf64>
// CHECK:           %[[V4:.*]] = memref.view %[[V2]][%{{.*}}][] : memref<128xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%[[M]], %[[V3]])
// CHECK:           %[[V5:.*]] = memref.view %[[V]][%{{.*}}][] : memref<128xi8> to memref<4xf64>
// CHECK:           %[[V6:.*]] = memref.view %[[V2]][%{{.*}}][] : memref<128xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%[[N]], %[[V5]])
// CHECK:           %[[V7:.*]] = "ad.cache"(%{{.*}}){{.*}} : (index) -> !ad.cache<f64>
// CHECK:           %[[V8:.*]] = "ad.cache"(%{{.*}}){{.*}} : (index) -> !ad.cache<index>
// CHECK:           %[[V9:.*]] = "ad.cache"(%{{.*}}){{.*}} : (index) -> !ad.cache<index>
// CHECK:           %[[V10:.*]], %{{.*}} = scf.for %[[T:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[V12:.*]] = %{{.*}}, %[[V13:.*]] = %{{.*}}) -> (index, index) {
// CHECK:             %[[V14:.*]] = arith.muli %[[V13]], %{{.*}}
// CHECK:             "ad.push"(%[[V8]], %[[V14]])
// CHECK:             %[[B:.*]] = memref.view %[[V]][%[[V14]]][] : memref<128xi8> to memref<4xf64>
// CHECK:             %[[V15:.*]] = arith.muli %[[V12]], %{{.*}}
// CHECK:             "ad.push"(%[[V9]], %[[V15]])
// CHECK:             %[[A:.*]] = memref.view %[[V]][%[[V15]]][] : memref<128xi8> to memref<4xf64>
// CHECK:             %[[V16:.*]] = memref.load %[[A]][%[[T]]]
// CHECK:             %[[W:.*]] = math.sin %[[V16]]
// CHECK:             memref.store %[[W]], %[[B]][%[[T]]]
// CHECK:             %[[V17:.*]] = math.cos %[[V16]]
// CHECK:             "ad.push"(%[[V7]], %[[V17]])
// CHECK:             scf.yield %[[V13]], %[[V12]]
// CHECK:           %[[V18:.*]] = arith.muli %[[V10]], %{{.*}}
// CHECK:           %[[R:.*]] = memref.view %[[V]][%[[V18]]][] : memref<128xi8> to memref<4xf64>
// CHECK:           %[[R2:.*]] = memref.view %[[V2]][%[[V18]]][] : memref<128xi8> to memref<4xf64>
// CHECK:           "memref.copy"(%[[R]], %y)
// CHECK:           linalg.generic {{.*}} ins(%dy{{.*}} outs(%[[R2]]
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy
// CHECK:           scf.for %[[V20:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V21:.*]] = arith.subi %{{.*}}, %[[V20]]
// CHECK:             %[[V22:.*]] = "ad.pop"(%[[V7]])
// CHECK:             %[[V23:.*]] = "ad.pop"(%[[V8]])
// CHECK:             %[[B2:.*]] = memref.view %[[V2]][%[[V23]]][] : memref<128xi8> to memref<4xf64>
// CHECK:             %[[V24:.*]] = "ad.pop"(%[[V9]])
// CHECK:             %[[A2:.*]] = memref.view %[[V2]][%[[V24]]][] : memref<128xi8> to memref<4xf64>
// CHECK:             %[[DW:.*]] = memref.load %[[B2]][%[[V21]]]
// CHECK:             %[[DV:.*]] = arith.mulf %[[DW]], %[[V22]]
// CHECK:             memref.store %{{.*}}, %[[B2]][%[[V21]]]
// CHECK:             %[[V25:.*]] = memref.load %[[A2]][%[[V21]]]
// CHECK:             %[[V26:.*]] = arith.addf %[[V25]], %[[DV]]
// CHECK:             memref.store %[[V26]], %[[A2]][%[[V21]]]
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[V6]]
// CHECK:           linalg.generic {{.*}} ins(%[[V4]]{{.*}} outs(%[[M2]]
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[V4]]
// CHECK:           linalg.generic {{.*}} ins(%[[M2]]{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           memref.dealloc %[[V2]]
// CHECK:           memref.dealloc %[[M2]]
// CHECK:           memref.dealloc %[[M]]
// CHECK:           memref.dealloc %[[N]]

// -----

// A `while` counts its iterations; of what it overwrites the partial derivative is kept.
func.func private @f(%x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f64
  %limit = arith.constant 1.0 : f64
  "memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  scf.while () : () -> () {
    %v = memref.load %y[%c0] : memref<4xf64>
    %go = arith.cmpf ogt, %v, %limit : f64
    scf.condition(%go)
  } do {
    %v = memref.load %y[%c0] : memref<4xf64>
    %w = math.sin %v : f64
    memref.store %w, %y[%c0] : memref<4xf64>
    scf.yield
  }
  func.return
}

func.func @while(%x: memref<4xf64>, %y: memref<4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @while(
// CHECK:           "memref.copy"(%x, %y)
// CHECK:           %[[V:.*]] = "ad.cache"(){{.*}} : () -> !ad.cache<f64>
// CHECK:           %[[V2:.*]] = scf.while (%[[V3:.*]] = %{{.*}}) : (index) -> index {
// CHECK:             %[[V4:.*]] = memref.load %y[%{{.*}}]
// CHECK:             %[[GO:.*]] = arith.cmpf ogt, %[[V4]], %{{.*}}
// CHECK:             scf.condition(%[[GO]]) %[[V3]]
// CHECK:             %[[V5:.*]] = memref.load %y[%{{.*}}]
// CHECK:             %[[W:.*]] = math.sin %[[V5]]
// CHECK:             memref.store %[[W]], %y[%{{.*}}]
// CHECK:             %[[V6:.*]] = arith.addi %{{.*}}, %{{.*}}
// CHECK:             %[[V7:.*]] = math.cos %[[V5]]
// CHECK:             "ad.push"(%[[V]], %[[V7]])
// CHECK:             scf.yield %[[V6]]
// CHECK:           scf.for %{{.*}} = %{{.*}} to %[[V2]] step %{{.*}} {
// CHECK:             %[[V9:.*]] = "ad.pop"(%[[V]])
// CHECK:             %[[DW:.*]] = memref.load %dy[%{{.*}}]
// CHECK:             %[[DV:.*]] = arith.mulf %[[DW]], %[[V9]]
// CHECK:             memref.store %[[DV]], %dy[%{{.*}}]
// CHECK:           linalg.generic {{.*}} ins(%dy{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy

// -----

// A branch runs backwards if it ran; the other one touches no shadow.
func.func private @f(%x: memref<4xf64>, %c: i1, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  "memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  scf.if %c {
    %v = memref.load %y[%c0] : memref<4xf64>
    %w = arith.mulf %v, %v : f64
    memref.store %w, %y[%c0] : memref<4xf64>
  }
  func.return
}

func.func @branch(%x: memref<4xf64>, %c: i1, %y: memref<4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>) {
  "ad.vjp"(%x, %c, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, i1, memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @branch(
// CHECK:           "memref.copy"(%x, %y)
// CHECK:           %[[V:.*]] = "ad.cache"(%{{.*}}){{.*}} : (index) -> !ad.cache<f64>
// CHECK:           scf.if %c {
// CHECK:             %[[V2:.*]] = memref.load %y[%{{.*}}]
// CHECK:             "ad.push"(%[[V]], %[[V2]])
// CHECK:             %[[W:.*]] = arith.mulf %[[V2]], %[[V2]]
// CHECK:             memref.store %[[W]], %y[%{{.*}}]
// CHECK:           scf.if %c {
// CHECK:             %[[V3:.*]] = "ad.pop"(%[[V]])
// CHECK:             %[[DW:.*]] = memref.load %dy[%{{.*}}]
// CHECK:             %[[DV:.*]] = arith.mulf %[[DW]], %[[V3]]
// CHECK:             %[[DV2:.*]] = arith.addf %[[DV]], %[[DV]]
// CHECK:             memref.store %[[DV2]], %dy[%{{.*}}]
// CHECK:           linalg.generic {{.*}} ins(%dy{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy

// -----

// Memory that a loop allocates: its shadow lives for an iteration of the reverse loop.
func.func private @f(%x: memref<8xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f64
  %r = scf.for %n = %c1 to %c4 step %c1 iter_args(%s = %zero) -> (f64) {
    %m = memref.alloc(%n) : memref<?xf64>
    scf.for %i = %c0 to %n step %c1 {
      %v = memref.load %x[%i] : memref<8xf64>
      memref.store %v, %m[%i] : memref<?xf64>
    }
    %u = memref.load %m[%c0] : memref<?xf64>
    %b = arith.addf %u, %s : f64
    memref.dealloc %m : memref<?xf64>
    scf.yield %b : f64
  }
  memref.store %r, %y[] : memref<f64>
  func.return
}

func.func @allocated_in_a_loop(%x: memref<8xf64>, %y: memref<f64>, %dx: memref<8xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<8xf64>, memref<f64>, memref<8xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @allocated_in_a_loop(
// CHECK:           %[[R:.*]] = scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[S:.*]] = %{{.*}}) -> (f64) {
// CHECK:             %[[M:.*]] = memref.alloc(%[[N]]) : memref<?xf64>
// CHECK:             scf.for %[[I:.*]] = %{{.*}} to %[[N]] step %{{.*}} {
// CHECK:               %[[V:.*]] = memref.load %x[%[[I]]]
// CHECK:               memref.store %[[V]], %[[M]][%[[I]]]
// CHECK:             %[[U:.*]] = memref.load %[[M]][%{{.*}}]
// CHECK:             %[[B:.*]] = arith.addf %[[U]], %[[S]]
// CHECK:             memref.dealloc %[[M]]
// CHECK:             scf.yield %[[B]]
// CHECK:           memref.store %[[R]], %y[]
// CHECK:           %[[DR:.*]] = memref.load %dy[]
// CHECK:           memref.store %{{.*}}, %dy[]
// CHECK:           scf.for %[[V2:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V3:.*]] = arith.subi %{{.*}}, %[[V2]]
// CHECK:             %[[M2:.*]] = memref.alloc(%[[V3]]) : memref<?xf64>
// CHECK:             linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:             %[[V4:.*]] = memref.load %[[M2]][%{{.*}}]
// CHECK:             %[[V5:.*]] = arith.addf %[[V4]], %[[DR]]
// CHECK:             memref.store %[[V5]], %[[M2]][%{{.*}}]
// CHECK:             scf.for %[[V6:.*]] = %{{.*}} to %[[V3]] step %{{.*}} {
// CHECK:               %[[V7:.*]] = arith.subi %{{.*}}, %[[V2]]
// CHECK:               %[[V8:.*]] = arith.subi %[[V7]], %[[V6]]
// CHECK:               %[[DV:.*]] = memref.load %[[M2]][%[[V8]]]
// CHECK:               %[[V9:.*]] = memref.load %dx[%[[V8]]]
// CHECK:               %[[V10:.*]] = arith.addf %[[V9]], %[[DV]]
// CHECK:               memref.store %{{.*}}, %[[M2]][%[[V8]]]
// CHECK:               memref.store %[[V10]], %dx[%[[V8]]]
// CHECK:             memref.dealloc %[[M2]]

// -----

// The cotangent of a scalar argument is added to memory. An argument that isn't active has none, and an out
// without a seed starts with zeros.
func.func private @f(%x: memref<4xf64>, %s: f64, %y: memref<4xf64>, %z: memref<f64>) attributes {dialectad.outs = 2 : i64} {
  %c0 = arith.constant 0 : index
  %v = memref.load %x[%c0] : memref<4xf64>
  %w = arith.mulf %v, %s : f64
  memref.store %w, %z[] : memref<f64>
  %u = memref.load %z[] : memref<f64>
  %t = arith.mulf %u, %u : f64
  memref.store %t, %y[%c0] : memref<4xf64>
  func.return
}

func.func @scalar(%x: memref<4xf64>, %s: f64, %y: memref<4xf64>, %z: memref<f64>, %ds: memref<f64>, %dy: memref<4xf64>) {
  "ad.vjp"(%x, %s, %y, %z, %ds, %dy) <{callee = @f, active = array<i64: 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, f64, memref<4xf64>, memref<f64>, memref<f64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @scalar(
// CHECK:           %[[V:.*]] = memref.alloc() : memref<f64>
// CHECK:           memref.store %{{.*}}, %[[V]][]
// CHECK:           %[[V2:.*]] = memref.load %x[%{{.*}}]
// CHECK:           %[[W:.*]] = arith.mulf %[[V2]], %s
// CHECK:           memref.store %[[W]], %z[]
// CHECK:           %[[U:.*]] = memref.load %z[]
// CHECK:           %[[T:.*]] = arith.mulf %[[U]], %[[U]]
// CHECK:           memref.store %[[T]], %y[%{{.*}}]
// CHECK:           %[[DT:.*]] = memref.load %dy[%{{.*}}]
// CHECK:           %[[DU:.*]] = arith.mulf %[[DT]], %[[U]]
// CHECK:           %[[DU2:.*]] = arith.addf %[[DU]], %[[DU]]
// CHECK:           %[[V3:.*]] = memref.load %[[V]][]
// CHECK:           %[[DW:.*]] = arith.addf %[[V3]], %[[DU2]]
// CHECK:           %[[DS:.*]] = arith.mulf %[[DW]], %[[V2]]
// CHECK:           memref.store %{{.*}}, %dy[%{{.*}}]
// CHECK:           memref.store %{{.*}}, %[[V]][]
// CHECK:           %[[V4:.*]] = memref.load %ds[]
// CHECK:           %[[V5:.*]] = arith.addf %[[V4]], %[[DS]]
// CHECK:           memref.store %[[V5]], %ds[]
// CHECK:           memref.dealloc %[[V]]

// -----

// Products of matrices give products, into the shadows; what is overwritten later is copied before.
func.func private @f(%a: memref<3x4xf64>, %b: memref<4x5xf64>, %y: memref<3x5xf64>) attributes {dialectad.outs = 1 : i64} {
  "blas.gemm"(%a, %b, %y) <{alpha = 2.0 : f64, beta = 0.0 : f64}> : (memref<3x4xf64>, memref<4x5xf64>, memref<3x5xf64>) -> ()
  func.return
}

func.func @gemm(%a: memref<3x4xf64>, %b: memref<4x5xf64>, %y: memref<3x5xf64>, %da: memref<3x4xf64>, %db: memref<4x5xf64>, %dy: memref<3x5xf64>) {
  "ad.vjp"(%a, %b, %y, %da, %db, %dy) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<3x4xf64>, memref<4x5xf64>, memref<3x5xf64>, memref<3x4xf64>, memref<4x5xf64>, memref<3x5xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @gemm(
// CHECK:           "blas.gemm"(%a, %b, %y) <{alpha = 2.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK:           "blas.gemm"(%dy, %b, %da) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_b}>
// CHECK:           "blas.gemm"(%a, %dy, %db) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a}>
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy

// -----

func.func private @f(%a: memref<4x3xf64>, %b: memref<5x4xf64>, %y: memref<3x5xf64>) attributes {dialectad.outs = 1 : i64} {
  "blas.gemm"(%a, %b, %y) <{alpha = 1.0 : f64, beta = 1.0 : f64, trans_a, trans_b}> : (memref<4x3xf64>, memref<5x4xf64>, memref<3x5xf64>) -> ()
  func.return
}

func.func @gemm_transposed(%a: memref<4x3xf64>, %b: memref<5x4xf64>, %y: memref<3x5xf64>, %da: memref<4x3xf64>, %db: memref<5x4xf64>, %dy: memref<3x5xf64>) {
  "ad.vjp"(%a, %b, %y, %da, %db, %dy) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<4x3xf64>, memref<5x4xf64>, memref<3x5xf64>, memref<4x3xf64>, memref<5x4xf64>, memref<3x5xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @gemm_transposed(
// CHECK:           "blas.gemm"(%a, %b, %y) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a, trans_b}>
// CHECK:           "blas.gemm"(%b, %dy, %da) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a, trans_b}>
// CHECK:           "blas.gemm"(%dy, %a, %db) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a, trans_b}>

// -----

// y = 2 A x + 3 y, in a loop: the x of each iteration is kept, A is not, and dy is scaled.
func.func private @f(%a: memref<4x4xf64>, %x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %m = memref.alloc() : memref<4xf64>
  "memref.copy"(%x, %m) : (memref<4xf64>, memref<4xf64>) -> ()
  "memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  scf.for %i = %c0 to %c3 step %c1 {
    "blas.gemv"(%a, %m, %y) <{alpha = 2.0 : f64, beta = 3.0 : f64}> : (memref<4x4xf64>, memref<4xf64>, memref<4xf64>) -> ()
    "memref.copy"(%y, %m) : (memref<4xf64>, memref<4xf64>) -> ()
  }
  memref.dealloc %m : memref<4xf64>
  func.return
}

func.func @gemv(%a: memref<4x4xf64>, %x: memref<4xf64>, %y: memref<4xf64>, %da: memref<4x4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>) {
  "ad.vjp"(%a, %x, %y, %da, %dx, %dy) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<4x4xf64>, memref<4xf64>, memref<4xf64>, memref<4x4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @gemv(
// CHECK:           %[[M:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           %[[M2:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           "memref.copy"(%x, %[[M]])
// CHECK:           "memref.copy"(%x, %y)
// CHECK:           %[[V:.*]] = "ad.cache"(%{{.*}}){{.*}} : (index) -> !ad.cache<memref<4xf64>>
// CHECK:           scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V2:.*]] = "ad.reserve"(%[[V]])
// CHECK:             "memref.copy"(%[[M]], %[[V2]])
// CHECK:             "blas.gemv"(%a, %[[M]], %y) <{alpha = 2.000000e+00 : f64, beta = 3.000000e+00 : f64}>
// CHECK:             "memref.copy"(%y, %[[M]])
// CHECK:           scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V4:.*]] = "ad.pop"(%[[V]])
// CHECK:             linalg.generic {{.*}} ins(%[[M2]]{{.*}} outs(%dy
// CHECK:               %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:             linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:             "blas.ger"(%dy, %[[V4]], %da) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64}>
// CHECK:             "blas.gemv"(%a, %dy, %[[M2]]) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64, trans}>
// CHECK:             linalg.generic {{.*}} outs(%dy
// CHECK:               %{{.*}} = arith.mulf %{{.*}}, %{{.*}}
// CHECK:           linalg.generic {{.*}} ins(%dy{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%dy
// CHECK:           linalg.generic {{.*}} ins(%[[M2]]{{.*}} outs(%dx
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %{{.*}}
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           memref.dealloc %[[M2]]
// CHECK:           memref.dealloc %[[M]]

// -----

func.func private @f(%x: memref<3xf64>, %z: memref<4xf64>, %a: memref<3x4xf64>, %y: memref<f64>) attributes {dialectad.outs = 2 : i64} {
  %zero = arith.constant 0.0 : f64
  linalg.fill ins(%zero : f64) outs(%a : memref<3x4xf64>)
  "blas.ger"(%x, %z, %a) <{alpha = 2.0 : f64, beta = 1.0 : f64}> : (memref<3xf64>, memref<4xf64>, memref<3x4xf64>) -> ()
  %r = "blas.dot"(%x, %x) : (memref<3xf64>, memref<3xf64>) -> f64
  memref.store %r, %y[] : memref<f64>
  func.return
}

func.func @ger_dot(%x: memref<3xf64>, %z: memref<4xf64>, %a: memref<3x4xf64>, %y: memref<f64>, %dx: memref<3xf64>, %dz: memref<4xf64>, %da: memref<3x4xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %z, %a, %y, %dx, %dz, %da, %dy) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0, 1>, level = "loop"}> : (memref<3xf64>, memref<4xf64>, memref<3x4xf64>, memref<f64>, memref<3xf64>, memref<4xf64>, memref<3x4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @ger_dot(
// CHECK:           %[[V:.*]] = memref.collapse_shape %a [[0 : i64, 1 : i64]]
// CHECK:           %[[V2:.*]] = memref.collapse_shape %da [[0 : i64, 1 : i64]]
// CHECK:           scf.for %[[V3:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             memref.store %{{.*}}, %[[V]][%[[V3]]]
// CHECK:           "blas.ger"(%x, %z, %a) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64}>
// CHECK:           %[[R:.*]] = "blas.dot"(%x, %x) : (memref<3xf64>, memref<3xf64>) -> f64
// CHECK:           memref.store %[[R]], %y[]
// CHECK:           %[[DR:.*]] = memref.load %dy[]
// CHECK:           memref.store %{{.*}}, %dy[]
// CHECK:           linalg.generic {{.*}} ins(%x{{.*}} outs(%dx
// CHECK:             %[[V4:.*]] = arith.mulf %{{.*}}, %[[DR]]
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %[[V4]]
// CHECK:           linalg.generic {{.*}} ins(%x{{.*}} outs(%dx
// CHECK:             %[[V6:.*]] = arith.mulf %{{.*}}, %[[DR]]
// CHECK:             %{{.*}} = arith.addf %{{.*}}, %[[V6]]
// CHECK:           "blas.gemv"(%da, %z, %dx) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64}>
// CHECK:           "blas.gemv"(%da, %x, %dz) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64, trans}>
// CHECK:           scf.for %[[V8:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V9:.*]] = arith.subi %{{.*}}, %[[V8]]
// CHECK:             memref.store %{{.*}}, %[[V2]][%[[V9]]]

// -----

// Without the rules for products they are loops before they are differentiated.
func.func private @f(%a: memref<3x4xf64>, %x: memref<4xf64>, %y: memref<3xf64>) attributes {dialectad.outs = 1 : i64} {
  "blas.gemv"(%a, %x, %y) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (memref<3x4xf64>, memref<4xf64>, memref<3xf64>) -> ()
  func.return
}

func.func @no_blas(%a: memref<3x4xf64>, %x: memref<4xf64>, %y: memref<3xf64>, %da: memref<3x4xf64>, %dy: memref<3xf64>) {
  "ad.vjp"(%a, %x, %y, %da, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop-no-blas"}> : (memref<3x4xf64>, memref<4xf64>, memref<3xf64>, memref<3x4xf64>, memref<3xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @no_blas(
// CHECK:           scf.for %[[V:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V2:.*]] = scf.for %[[V3:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[V4:.*]] = %{{.*}}) -> (f64) {
// CHECK:               %[[V5:.*]] = memref.load %a[%[[V]], %[[V3]]]
// CHECK:               %[[V6:.*]] = memref.load %x[%[[V3]]]
// CHECK:               %[[V7:.*]] = arith.mulf %[[V5]], %[[V6]]
// CHECK:               %[[V8:.*]] = arith.addf %[[V4]], %[[V7]]
// CHECK:               scf.yield %[[V8]]
// CHECK:             memref.store %[[V2]], %y[%[[V]]]
// CHECK:           scf.for %[[V9:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[V10:.*]] = arith.subi %{{.*}}, %[[V9]]
// CHECK:             %[[V11:.*]] = memref.load %dy[%[[V10]]]
// CHECK:             memref.store %{{.*}}, %dy[%[[V10]]]
// CHECK:             scf.for %[[V12:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:               %[[V13:.*]] = arith.subi %{{.*}}, %[[V12]]
// CHECK:               %[[V14:.*]] = memref.load %x[%[[V13]]]
// CHECK:               %[[V15:.*]] = arith.mulf %[[V11]], %[[V14]]
// CHECK:               %[[V16:.*]] = memref.load %da[%[[V10]], %[[V13]]]
// CHECK:               %[[V17:.*]] = arith.addf %[[V16]], %[[V15]]
// CHECK:               memref.store %[[V17]], %da[%[[V10]], %[[V13]]]

// -----

// A loop in a loop: the cache holds one value for each run of the inner body, and its capacity is known.
func.func private @f(%x: memref<4xf64>, %n: index, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %one = arith.constant 1.0 : f64
  memref.store %one, %y[] : memref<f64>
  scf.for %i = %c0 to %n step %c1 {
    scf.for %j = %c0 to %c4 step %c1 {
      %v = memref.load %x[%j] : memref<4xf64>
      %s = memref.load %y[] : memref<f64>
      %p = arith.mulf %s, %v : f64
      memref.store %p, %y[] : memref<f64>
    }
  }
  func.return
}

func.func @nested(%x: memref<4xf64>, %n: index, %y: memref<f64>, %dx: memref<4xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %n, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, index, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @nested(
// CHECK:           memref.store %{{.*}}, %y[]
// CHECK:           %[[V:.*]] = arith.maxsi %n, %{{.*}}
// CHECK:           %[[V2:.*]] = arith.muli %{{.*}}, %[[V]]
// CHECK:           %[[V3:.*]] = "ad.cache"(%[[V2]]){{.*}} : (index) -> !ad.cache<f64>
// CHECK:           scf.for %{{.*}} = %{{.*}} to %n step %{{.*}} {
// CHECK:             scf.for %[[J:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:               %[[V4:.*]] = memref.load %x[%[[J]]]
// CHECK:               %[[S:.*]] = memref.load %y[]
// CHECK:               "ad.push"(%[[V3]], %[[S]])
// CHECK:               %[[P:.*]] = arith.mulf %[[S]], %[[V4]]
// CHECK:               memref.store %[[P]], %y[]
// CHECK:           scf.for %{{.*}} = %{{.*}} to %n step %{{.*}} {
// CHECK:             scf.for %[[V6:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:               %[[V7:.*]] = arith.subi %{{.*}}, %[[V6]]
// CHECK:               %[[V8:.*]] = "ad.pop"(%[[V3]])
// CHECK:               %[[V9:.*]] = memref.load %x[%[[V7]]]
// CHECK:               %[[DP:.*]] = memref.load %dy[]
// CHECK:               %[[DS:.*]] = arith.mulf %[[DP]], %[[V9]]
// CHECK:               %[[DV:.*]] = arith.mulf %[[DP]], %[[V8]]
// CHECK:               %[[V10:.*]] = memref.load %dx[%[[V7]]]
// CHECK:               %[[V11:.*]] = arith.addf %[[V10]], %[[DV]]
// CHECK:               memref.store %[[DS]], %dy[]
// CHECK:               memref.store %[[V11]], %dx[%[[V7]]]
// CHECK:           memref.store %{{.*}}, %dy[]

// -----

// Forward mode does to the shadow what is done to the memory.
func.func private @f(%x: memref<3x4xf64>, %s: f64, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %m = memref.alloc() : memref<4xf64>
  %row = memref.subview %x[1, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: 4>>
  "memref.copy"(%row, %m) : (memref<4xf64, strided<[1], offset: 4>>, memref<4xf64>) -> ()
  %v = memref.load %m[%c0] : memref<4xf64>
  %w = arith.mulf %v, %s : f64
  memref.store %w, %m[%c0] : memref<4xf64>
  "memref.copy"(%m, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  memref.dealloc %m : memref<4xf64>
  func.return
}

func.func @forward(%x: memref<3x4xf64>, %s: f64, %y: memref<4xf64>, %tx: memref<3x4xf64>, %ts: f64, %ty: memref<4xf64>) {
  "ad.jvp"(%x, %s, %y, %tx, %ts, %ty) <{callee = @f, active = array<i64: 0, 1>, level = "loop"}> : (memref<3x4xf64>, f64, memref<4xf64>, memref<3x4xf64>, f64, memref<4xf64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @forward(
// CHECK:           %[[M:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           %[[M2:.*]] = memref.alloc() : memref<4xf64>
// CHECK:           linalg.fill ins(%{{.*}} : f64) outs(%[[M2]]
// CHECK:           %[[ROW:.*]] = memref.subview %x[1, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: 4>>
// CHECK:           %[[ROW2:.*]] = memref.subview %tx[1, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: 4>>
// CHECK:           "memref.copy"(%[[ROW]], %[[M]])
// CHECK:           "memref.copy"(%[[ROW2]], %[[M2]])
// CHECK:           %[[V:.*]] = memref.load %[[M]][%{{.*}}]
// CHECK:           %[[TV:.*]] = memref.load %[[M2]][%{{.*}}]
// CHECK:           %[[W:.*]] = arith.mulf %[[V]], %s
// CHECK:           %[[V2:.*]] = arith.mulf %[[TV]], %s
// CHECK:           %[[V3:.*]] = arith.mulf %ts, %[[V]]
// CHECK:           %[[TW:.*]] = arith.addf %[[V2]], %[[V3]]
// CHECK:           memref.store %[[W]], %[[M]][%{{.*}}]
// CHECK:           memref.store %[[TW]], %[[M2]][%{{.*}}]
// CHECK:           "memref.copy"(%[[M]], %y)
// CHECK:           "memref.copy"(%[[M2]], %ty)
// CHECK:           memref.dealloc %[[M]]
// CHECK:           memref.dealloc %[[M2]]

// -----

// A product has two tangents, and an out that isn't active one of zeros.
func.func private @f(%a: memref<4x4xf64>, %x: memref<4xf64>, %y: memref<4xf64>, %z: memref<f64>) attributes {dialectad.outs = 2 : i64} {
  %zero = arith.constant 0.0 : f64
  memref.store %zero, %z[] : memref<f64>
  "memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
  "blas.gemv"(%a, %x, %y) <{alpha = 2.0 : f64, beta = 3.0 : f64}> : (memref<4x4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

func.func @forward_product(%a: memref<4x4xf64>, %x: memref<4xf64>, %y: memref<4xf64>, %z: memref<f64>, %ta: memref<4x4xf64>, %tx: memref<4xf64>, %ty: memref<4xf64>, %tz: memref<f64>) {
  "ad.jvp"(%a, %x, %y, %z, %ta, %tx, %ty, %tz) <{callee = @f, active = array<i64: 0, 1>, level = "loop"}> : (memref<4x4xf64>, memref<4xf64>, memref<4xf64>, memref<f64>, memref<4x4xf64>, memref<4xf64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @forward_product(
// CHECK:           memref.store %{{.*}}, %z[]
// CHECK:           "memref.copy"(%x, %y)
// CHECK:           "memref.copy"(%tx, %ty)
// CHECK:           "blas.gemv"(%a, %x, %y) <{alpha = 2.000000e+00 : f64, beta = 3.000000e+00 : f64}>
// CHECK:           "blas.gemv"(%ta, %x, %ty) <{alpha = 2.000000e+00 : f64, beta = 3.000000e+00 : f64}>
// CHECK:           "blas.gemv"(%a, %tx, %ty) <{alpha = 2.000000e+00 : f64, beta = 1.000000e+00 : f64}>
// CHECK:           memref.store %{{.*}}, %tz[]

// -----

// An `ad.stop` ends the derivative.
func.func private @f(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %v = memref.load %x[%c0] : memref<4xf64>
  %q = "ad.stop"(%v) : (f64) -> f64
  %r = arith.mulf %v, %q : f64
  memref.store %r, %y[] : memref<f64>
  func.return
}

func.func @stop(%x: memref<4xf64>, %y: memref<f64>, %dx: memref<4xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func @stop(
// CHECK:           %[[V:.*]] = memref.load %x[%{{.*}}]
// CHECK:           %[[R:.*]] = arith.mulf %[[V]], %[[V]]
// CHECK:           memref.store %[[R]], %y[]
// CHECK:           %[[DR:.*]] = memref.load %dy[]
// CHECK:           %[[DV:.*]] = arith.mulf %[[DR]], %[[V]]
// CHECK:           %[[V2:.*]] = memref.load %dx[%{{.*}}]
// CHECK:           %[[V3:.*]] = arith.addf %[[V2]], %[[DV]]
// CHECK:           memref.store %{{.*}}, %dy[]
// CHECK:           memref.store %[[V3]], %dx[%{{.*}}]
