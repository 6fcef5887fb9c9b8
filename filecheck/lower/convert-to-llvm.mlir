// RUN: dialectad-opt -p convert-to-llvm --split-input-file %s | filecheck %s

// Static arrays are pointers, dynamic ones bring their sizes, bools are bytes.
func.func @signature(%a: memref<2x3xf64>, %b: memref<?x4xf32>, %i: index, %p: i1, %io: memref<2xf64> {dialectad.inout = 0 : i64}, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.return
}

// CHECK-LABEL: llvm.func @signature
// CHECK-SAME:    %a: !llvm.ptr {llvm.noalias, llvm.noundef, llvm.readonly, llvm.dereferenceable = 48 : i64}
// CHECK-SAME:    %b: !llvm.ptr {llvm.noalias, llvm.noundef, llvm.readonly}, %0: i64
// CHECK-SAME:    %i: i64, %1: i8 {llvm.zeroext}
// CHECK-SAME:    %io: !llvm.ptr {llvm.noalias, llvm.noundef, llvm.dereferenceable = 16 : i64}
// CHECK-SAME:    %o: !llvm.ptr {llvm.noalias, llvm.noundef, llvm.dereferenceable = 8 : i64}) -> i64
// CHECK:         llvm.return

// -----

func.func @element(%a: memref<4x5xf64>, %i: index, %j: index, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %x = memref.load %a[%i, %j] : memref<4x5xf64>
  memref.store %x, %o[] : memref<f64>
  func.return
}

// CHECK-LABEL: llvm.func @element
// CHECK:         %[[ROW:.*]] = llvm.mul %i, %{{.*}} overflow<nsw> : i64
// CHECK-NEXT:    %[[AT:.*]] = llvm.add %[[ROW]], %j overflow<nsw> : i64
// CHECK-NEXT:    %[[P:.*]] = llvm.getelementptr inbounds %a[%[[AT]]] : (!llvm.ptr, i64) -> !llvm.ptr, f64
// CHECK-NEXT:    %x = llvm.load %[[P]] : !llvm.ptr -> f64
// CHECK-NEXT:    llvm.store %x, %o : f64, !llvm.ptr

// -----

// Constant indices and offsets of views cost nothing.
func.func @folded(%a: memref<4x5xf64>, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c1 = arith.constant 1 : index
  %v = memref.subview %a[1, 2] [2, 2] [1, 1] : memref<4x5xf64> to memref<2x2xf64, strided<[5, 1], offset: 7>>
  %x = memref.load %v[%c1, %c1] : memref<2x2xf64, strided<[5, 1], offset: 7>>
  memref.store %x, %o[] : memref<f64>
  func.return
}

// CHECK-LABEL: llvm.func @folded
// CHECK:         %[[V:.*]] = llvm.getelementptr %a[7] : (!llvm.ptr) -> !llvm.ptr, f64
// CHECK-NEXT:    llvm.getelementptr inbounds %[[V]][6] : (!llvm.ptr) -> !llvm.ptr, f64

// -----

func.func @bools(%a: memref<4xi1>, %i: index, %o: memref<i1>) attributes {dialectad.outs = 1 : i64} {
  %x = memref.load %a[%i] : memref<4xi1>
  memref.store %x, %o[] : memref<i1>
  func.return
}

// CHECK-LABEL: llvm.func @bools
// CHECK:         llvm.getelementptr inbounds %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
// CHECK-NEXT:    %[[B:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i8
// CHECK-NEXT:    %x = llvm.icmp "ne" %[[B]], %{{.*}} : i8
// CHECK-NEXT:    %[[W:.*]] = llvm.zext %x : i1 to i8
// CHECK-NEXT:    llvm.store %[[W]], %o : i8, !llvm.ptr

// -----

// Sums may be reassociated; a division stays a division.
func.func @arithmetic(%x: f64, %y: f64, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %a = arith.addf %x, %y : f64
  %b = arith.divf %a, %y : f64
  %c = arith.maximumf %a, %b : f64
  %d = math.sin %c : f64
  %e = math.sqrt %d : f64
  memref.store %e, %o[] : memref<f64>
  func.return
}

// CHECK-LABEL: llvm.func @arithmetic
// CHECK:         llvm.fadd %x, %y {fastmathFlags = #llvm.fastmath<reassoc,contract>} : f64
// CHECK-NEXT:    llvm.fdiv %a, %y {fastmathFlags = #llvm.fastmath<contract>} : f64
// CHECK-NEXT:    llvm.call_intrinsic "llvm.maximum"(%a, %b)
// CHECK-NEXT:    llvm.call @sin(%c)
// CHECK-NEXT:    llvm.intr.sqrt(%d)
// CHECK:         llvm.func @sin(f64) -> f64

// -----

func.func @cube(%x: f64, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %three = arith.constant 3.0 : f64
  %a = math.powf %x, %three : f64
  memref.store %a, %o[] : memref<f64>
  func.return
}

// CHECK-LABEL: llvm.func @cube
// CHECK:         %[[S:.*]] = llvm.fmul %x, %x
// CHECK-NEXT:    llvm.fmul %x, %[[S]]
// CHECK-NOT:     pow

// -----

// CHECK:       dialectad.asserts = [{message = "ValueError: no", location = "{{.*}}"}]}
func.func @assertion(%ok: i1) {
  cf.assert %ok, "ValueError: no"
  func.return
}

// CHECK-LABEL: llvm.func @assertion
// CHECK:         %[[ONE:.*]] = llvm.mlir.constant(1) : i64
// CHECK:         llvm.cond_br %{{.*}}, ^bb1, ^bb2(%[[ONE]] : i64)
// CHECK-NEXT:  ^bb1:
// CHECK-NEXT:    llvm.return %{{.*}} : i64
// CHECK-NEXT:  ^bb2(%[[STATUS:.*]]: i64):
// CHECK-NEXT:    llvm.return %[[STATUS]] : i64

// -----

// The arena is taken from a global and put back.
func.func @arena() {
  %a = memref.alloc() {dialectad.arena, alignment = 64 : i64} : memref<256xi8>
  func.return
}

// CHECK:       llvm.mlir.global internal @arena.arena()
// CHECK-LABEL: llvm.func @arena
// CHECK:         %[[KEPT:.*]] = llvm.atomicrmw xchg %{{.*}}, %{{.*}} acq_rel : !llvm.ptr, !llvm.ptr
// CHECK:         llvm.call @aligned_alloc
// CHECK:         %[[OTHER:.*]] = llvm.atomicrmw xchg
// CHECK-NEXT:    llvm.call @free(%[[OTHER]])

// -----

// LLVM is told which parts of the arena don't overlap: the first two do, the third is apart from both.
func.func @parts(%i: index, %x: f64) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %arena = memref.alloc() {dialectad.arena, alignment = 64 : i64} : memref<256xi8>
  %a = "memref.view"(%arena, %c0) : (memref<256xi8>, index) -> memref<16xf64>
  %b = "memref.view"(%arena, %c64) : (memref<256xi8>, index) -> memref<8xf64>
  %c = "memref.view"(%arena, %c128) : (memref<256xi8>, index) -> memref<8xf64>
  memref.store %x, %a[%i] : memref<16xf64>
  memref.store %x, %b[%i] : memref<8xf64>
  memref.store %x, %c[%i] : memref<8xf64>
  func.return
}

// CHECK-LABEL: llvm.func @parts
// CHECK:         llvm.store %x, %{{.*}} {dialectad.alias_scopes = ["0-128"], dialectad.noalias_scopes = ["128-192"]}
// CHECK:         llvm.store %x, %{{.*}} {dialectad.alias_scopes = ["64-128"], dialectad.noalias_scopes = ["128-192"]}
// CHECK:         llvm.store %x, %{{.*}} {dialectad.alias_scopes = ["128-192"], dialectad.noalias_scopes = ["{{.*}}", "{{.*}}"]}

// A buffer on the stack is apart from the arguments, which matters where a pointer's origin is lost.

// CHECK-LABEL: llvm.func @scopes
// CHECK: llvm.load %{{.*}} {dialectad.alias_scopes = ["argument 1"], dialectad.noalias_scopes = ["alloca 0"]}
// CHECK: llvm.store %{{.*}}, %{{.*}} {dialectad.alias_scopes = ["alloca 0"], dialectad.noalias_scopes = ["argument 1"]}
func.func @scopes(%i: index, %a: memref<4xf64>) {
  %b = memref.alloca() : memref<4xf64>
  %x = memref.load %a[%i] : memref<4xf64>
  memref.store %x, %b[%i] : memref<4xf64>
  func.return
}
