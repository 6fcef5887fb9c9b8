// RUN: dialectad-opt -p convert-to-llvm --split-input-file %s | filecheck %s

// What is differentiated has no early exit.
// CHECK:       builtin.module attributes {dialectad.asserts = [{message = "IndexError: no such element"
// CHECK-LABEL: llvm.func internal @f(
// CHECK-SAME:      -> i64 attributes {dialectad.differentiated}
// CHECK:         %ok = llvm.icmp "ult"
// CHECK-NEXT:    llvm.call @dialectad.assert(%ok, %{{.*}}) : (i1, i64) -> ()
// CHECK:         %q = llvm.call @dialectad.stop.f64(%{{.*}}) : (f64) -> f64
// CHECK-NOT:     llvm.cond_br
// CHECK:         llvm.return
func.func private @f(%x: memref<?xf64>, %i: index, %p: i1, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf64>
  %ok = arith.cmpi ult, %i, %n : index
  cf.assert %ok, "IndexError: no such element"
  %v = memref.load %x[%i] : memref<?xf64>
  %q = "ad.stop"(%v) : (f64) -> f64
  %r = arith.mulf %v, %q : f64
  memref.store %r, %y[] : memref<f64>
  func.return
}

// CHECK-LABEL: llvm.func @g(
// CHECK:         %[[P:.*]] = llvm.zext %p{{.*}} : i1 to i8
// CHECK-NEXT:    %[[S:.*]] = llvm.call @f.vjp_0_of_0(%x{{.*}}, %[[N:.*]], %i{{.*}}, %[[P]], %y{{.*}}, %dx, %[[N2:.*]], %dy) : (!llvm.ptr, i64, i64, i8, !llvm.ptr, !llvm.ptr, i64, !llvm.ptr) -> i64
// CHECK-NEXT:    %[[BAD:.*]] = llvm.icmp "ne" %[[S]], %{{.*}} : i64
// CHECK-NEXT:    llvm.cond_br %[[BAD]], ^[[EXIT:.*]](%[[S]] : i64), ^{{.*}} {branch_weights
// CHECK:         llvm.call @f.vjp_0_of_0(
// CHECK:         llvm.call @f.jvp_0(%{{.*}}) : (!llvm.ptr, i64, i64, i8, !llvm.ptr, !llvm.ptr, i64, !llvm.ptr) -> i64
// CHECK:       ^[[EXIT]](%[[STATUS:.*]]: i64):
// CHECK-NEXT:    llvm.return %[[STATUS]]

// CHECK:       llvm.func @f.vjp_0_of_0({{.*}}) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 3 : i64, outs = 1 : i64, types = [memref<?xf64>, index, i1, memref<f64>, memref<?xf64>, memref<f64>]}}
// CHECK-NEXT:  llvm.func @f.jvp_0({{.*}}) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "jvp", active = array<i64: 0>, seeds = array<i64>, level = "llvm", arguments = 3 : i64, outs = 1 : i64, types = [memref<?xf64>, index, i1, memref<f64>, memref<?xf64>, memref<f64>]}}
// CHECK-NOT:   @f.vjp
func.func @g(%x: memref<?xf64>, %i: index, %p: i1, %y: memref<f64>, %dx: memref<?xf64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %i, %p, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (memref<?xf64>, index, i1, memref<f64>, memref<?xf64>, memref<f64>) -> ()
  "ad.vjp"(%x, %i, %p, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (memref<?xf64>, index, i1, memref<f64>, memref<?xf64>, memref<f64>) -> ()
  "ad.jvp"(%x, %i, %p, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, level = "llvm"}> : (memref<?xf64>, index, i1, memref<f64>, memref<?xf64>, memref<f64>) -> ()
  func.return
}

// -----

// A cache that grows stays one, as calls that LLVM doesn't look into.
// CHECK-LABEL: llvm.func internal @f(
// CHECK:         %c = llvm.call @dialectad.cache.f64() : () -> !llvm.ptr
// CHECK:         %d = llvm.call @dialectad.slots.f64() : () -> !llvm.ptr
// CHECK:         llvm.call @dialectad.push.f64(%c, %v) : (!llvm.ptr, f64) -> ()
// CHECK:         %[[SLOT:.*]] = llvm.call @dialectad.reserve.f64(%d, %n) : (!llvm.ptr, i64) -> !llvm.ptr
// CHECK:         llvm.store %v, %[[SLOT]]
// CHECK:         %[[AGAIN:.*]] = llvm.call @dialectad.pop_slot.f64(%d, %n) : (!llvm.ptr, i64) -> !llvm.ptr
// CHECK:         %w = llvm.load %[[AGAIN]]
// CHECK:         %u = llvm.call @dialectad.pop.f64(%c) : (!llvm.ptr) -> f64
// CHECK:         llvm.call @dialectad.end_cache.f64(%c) : (!llvm.ptr) -> ()
// CHECK-NOT:     realloc
func.func private @f(%x: memref<f64>, %n: index, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c = "ad.cache"() : () -> !ad.cache<f64>
  %d = "ad.cache"() : () -> !ad.cache<memref<?xf64>>
  %c0 = arith.constant 0 : index
  %v = memref.load %x[] : memref<f64>
  "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  %s = "ad.reserve"(%d, %n) : (!ad.cache<memref<?xf64>>, index) -> memref<?xf64>
  memref.store %v, %s[%c0] : memref<?xf64>
  %t = "ad.pop"(%d, %n) : (!ad.cache<memref<?xf64>>, index) -> memref<?xf64>
  %w = memref.load %t[%c0] : memref<?xf64>
  %u = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  %r = arith.mulf %u, %w : f64
  memref.store %r, %y[] : memref<f64>
  "ad.release"(%c) : (!ad.cache<f64>) -> ()
  "ad.release"(%d) : (!ad.cache<memref<?xf64>>) -> ()
  func.return
}

func.func @g(%x: memref<f64>, %n: index, %y: memref<f64>, %dx: memref<f64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %n, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (memref<f64>, index, memref<f64>, memref<f64>, memref<f64>) -> ()
  func.return
}

// -----

// What is called by what is differentiated has a version of its own for that, which makes calls that LLVM can't
// look into.

// CHECK-LABEL: llvm.func internal @f(
// CHECK-SAME:    dialectad.differentiated
// CHECK:         llvm.call @dialectad.call.g(%x, %{{.*}}) : (f64, !llvm.ptr) -> ()
// CHECK-LABEL: llvm.func internal @g(
// CHECK:         %[[STATUS:.*]] = llvm.call @g(
// CHECK-LABEL: llvm.func internal @g.differentiable(
// CHECK-SAME:    dialectad.differentiated, dialectad.signature = {types = [f64, memref<f64>], outs = 1 : i64}
// CHECK:         llvm.call @dialectad.call.g(
func.func private @f(%x: f64, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.call @g(%x, %y) {dialectad.outs = 1 : i64} : (f64, memref<f64>) -> ()
  func.return
}
func.func private @g(%x: f64, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.call @g(%x, %y) {dialectad.outs = 1 : i64} : (f64, memref<f64>) -> ()
  func.return
}
func.func @h(%x: f64, %y: memref<f64>, %dx: memref<f64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (f64, memref<f64>, memref<f64>, memref<f64>) -> ()
  func.return
}
