// RUN: dialectad-opt -p "lift-cf-to-scf{differentiated=true},differentiate{level=llvm},canonicalize,cse" --split-input-file %s | filecheck %s

// A load adds to the shadow, a store takes from it and clears it; the address in the shadow is the same. What
// libm computes is an op of `math`.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %i: i64, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %p = llvm.getelementptr inbounds %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %v = llvm.load %p {alignment = 8 : i64} : !llvm.ptr -> f64
  %r = llvm.call @tanh(%v) : (f64) -> f64
  llvm.store %r, %y {alignment = 8 : i64} : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @tanh(f64) -> f64
llvm.func @load_store.vjp_0_of_0(!llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 2 : i64, outs = 1 : i64, types = [memref<4xf64>, index, memref<f64>, memref<4xf64>, memref<f64>]}}

// CHECK-LABEL: func.func @load_store.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[P:.*]] = llvm.getelementptr inbounds %x[%i]
// CHECK:           %[[P2:.*]] = llvm.getelementptr inbounds %[[DX]][%i]
// CHECK:           %[[V:.*]] = llvm.load %[[P]]
// CHECK:           %[[R:.*]] = math.tanh %[[V]]
// CHECK:           llvm.store %[[R]], %y
// CHECK:           %[[DR:.*]] = llvm.load %[[DY]]
// CHECK:           %[[V2:.*]] = arith.mulf %[[R]], %[[R]]
// CHECK:           %[[V3:.*]] = arith.subf %{{.*}}, %[[V2]]
// CHECK:           %[[DV:.*]] = arith.mulf %[[DR]], %[[V3]]
// CHECK:           %[[V4:.*]] = llvm.load %[[P2]]
// CHECK:           %[[V5:.*]] = arith.addf %[[V4]], %[[DV]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           llvm.store %[[V5]], %[[P2]]

// -----

// The same in forward mode.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %s: f64, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %p = llvm.getelementptr inbounds %x[1] : (!llvm.ptr) -> !llvm.ptr, f64
  %v = llvm.load %p : !llvm.ptr -> f64
  %r = llvm.fmul %v, %s : f64
  llvm.store %r, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @forward.jvp_0_1(!llvm.ptr, f64, !llvm.ptr, !llvm.ptr, f64, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "jvp", active = array<i64: 0, 1>, seeds = array<i64>, level = "llvm", arguments = 2 : i64, outs = 1 : i64, types = [memref<4xf64>, f64, memref<f64>, memref<4xf64>, f64, memref<f64>]}}

// CHECK-LABEL: func.func @forward.jvp_0_1.body(
// CHECK-SAME:      %[[TX:[0-9]+]]: !llvm.ptr, %ts: f64, %[[TY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[P:.*]] = llvm.getelementptr inbounds %x[1]
// CHECK:           %[[P2:.*]] = llvm.getelementptr inbounds %[[TX]][1]
// CHECK:           %[[V:.*]] = llvm.load %[[P]]
// CHECK:           %[[TV:.*]] = llvm.load %[[P2]]
// CHECK:           %[[R:.*]] = arith.mulf %[[V]], %s
// CHECK:           %[[V2:.*]] = arith.mulf %[[TV]], %s
// CHECK:           %[[V3:.*]] = arith.mulf %ts, %[[V]]
// CHECK:           %[[TR:.*]] = arith.addf %[[V2]], %[[V3]]
// CHECK:           llvm.store %[[R]], %y
// CHECK:           llvm.store %[[TR]], %[[TY]]

// -----

// A loop is recognised, and what it reads is there still in its reverse.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %n: i64, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %start = llvm.mlir.constant(0.0 : f64) : f64
  llvm.br ^test(%zero, %start : i64, f64)
^test(%i: i64, %s: f64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^out
^body:
  %p = llvm.getelementptr inbounds %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %v = llvm.load %p : !llvm.ptr -> f64
  %vv = llvm.fmul %v, %v : f64
  %t = llvm.fadd %s, %vv : f64
  %next = llvm.add %i, %one overflow<nsw> : i64
  llvm.br ^test(%next, %t : i64, f64)
^out:
  llvm.store %s, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @loop.vjp_0_of_0(!llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 2 : i64, outs = 1 : i64, types = [memref<4xf64>, index, memref<f64>, memref<4xf64>, memref<f64>]}}

// CHECK-LABEL: func.func @loop.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[S:.*]] = scf.for %[[I:.*]] = %{{.*}} to %n step %{{.*}} iter_args(%[[S2:.*]] = %{{.*}}) -> (f64) : i64 {
// CHECK:             %[[P:.*]] = llvm.getelementptr inbounds %x[%[[I]]]
// CHECK:             %[[V:.*]] = llvm.load %[[P]]
// CHECK:             %[[VV:.*]] = arith.mulf %[[V]], %[[V]]
// CHECK:             %[[T:.*]] = arith.addf %[[S2]], %[[VV]]
// CHECK:             scf.yield %[[T]]
// CHECK:           llvm.store %[[S]], %y
// CHECK:           %[[DS:.*]] = llvm.load %[[DY]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           scf.for %[[V2:.*]] = %{{.*}} to %n step %{{.*}} : i64 {
// CHECK:             %[[V3:.*]] = arith.addi %n, %{{.*}}
// CHECK:             %[[V4:.*]] = arith.subi %[[V3]], %[[V2]]
// CHECK:             %[[P2:.*]] = llvm.getelementptr inbounds %x[%[[V4]]]
// CHECK:             %[[V5:.*]] = llvm.load %[[P2]]
// CHECK:             %[[P3:.*]] = llvm.getelementptr inbounds %[[DX]][%[[V4]]]
// CHECK:             %[[DV:.*]] = arith.mulf %[[DS]], %[[V5]]
// CHECK:             %[[DV2:.*]] = arith.addf %[[DV]], %[[DV]]
// CHECK:             %[[V6:.*]] = llvm.load %[[P3]]
// CHECK:             %[[V7:.*]] = arith.addf %[[V6]], %[[DV2]]
// CHECK:             llvm.store %[[V7]], %[[P3]]

// -----

// Memory from the heap and from the stack has a shadow of zeros, given back at the end.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %size = llvm.mlir.constant(32 : i64) : i64
  %m = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
  %n = llvm.alloca %one x f64 : (i64) -> !llvm.ptr
  %v = llvm.load %x : !llvm.ptr -> f64
  llvm.store %v, %m : f64, !llvm.ptr
  %w = llvm.load %m : !llvm.ptr -> f64
  llvm.store %w, %n : f64, !llvm.ptr
  %u = llvm.load %n : !llvm.ptr -> f64
  llvm.store %u, %y : f64, !llvm.ptr
  llvm.call @free(%m) : (!llvm.ptr) -> ()
  llvm.return %zero : i64
}
llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @free(!llvm.ptr)
llvm.func @allocations.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// CHECK-LABEL: func.func @allocations.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[V:.*]] = memref.alloc() {alignment = 64 : i64} : memref<32xi8>
// CHECK:           %[[V2:.*]] = memref.alloc() {alignment = 64 : i64} : memref<32xi8>
// CHECK:           %[[M:.*]] = builtin.unrealized_conversion_cast %[[V2]] : memref<32xi8> to !llvm.ptr
// CHECK:           "llvm.intr.memset"(%[[M]], %{{.*}}, %{{.*}}) <{isVolatile = false}>
// CHECK:           %[[M2:.*]] = builtin.unrealized_conversion_cast %[[V]] : memref<32xi8> to !llvm.ptr
// CHECK:           %[[V3:.*]] = memref.alloca() {alignment = 16 : i64} : memref<1xf64>
// CHECK:           %[[V4:.*]] = memref.alloca() {alignment = 16 : i64} : memref<1xf64>
// CHECK:           %[[N:.*]] = builtin.unrealized_conversion_cast %[[V4]] : memref<1xf64> to !llvm.ptr
// CHECK:           "llvm.intr.memset"(%[[N]], %{{.*}}, %{{.*}}) <{isVolatile = false}>
// CHECK:           %[[N2:.*]] = builtin.unrealized_conversion_cast %[[V3]] : memref<1xf64> to !llvm.ptr
// CHECK:           %[[V5:.*]] = llvm.load %x
// CHECK:           llvm.store %[[V5]], %[[M2]]
// CHECK:           %[[W:.*]] = llvm.load %[[M2]]
// CHECK:           llvm.store %[[W]], %[[N2]]
// CHECK:           %[[U:.*]] = llvm.load %[[N2]]
// CHECK:           llvm.store %[[U]], %y
// CHECK:           %[[DU:.*]] = llvm.load %[[DY]]
// CHECK:           %[[V6:.*]] = llvm.load %[[N]]
// CHECK:           %[[DW:.*]] = arith.addf %[[V6]], %[[DU]]
// CHECK:           %[[V7:.*]] = llvm.load %[[M]]
// CHECK:           %[[DV:.*]] = arith.addf %[[V7]], %[[DW]]
// CHECK:           %[[V8:.*]] = llvm.load %[[DX]]
// CHECK:           %[[V9:.*]] = arith.addf %[[V8]], %[[DV]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           llvm.store %{{.*}}, %[[N]]
// CHECK:           llvm.store %{{.*}}, %[[M]]
// CHECK:           llvm.store %[[V9]], %[[DX]]
// CHECK:           memref.dealloc %[[V2]]
// CHECK:           memref.dealloc %[[V]]

// -----

// A copy adds to the shadow of its source, float by float; then that of its destination is cleared, as it is
// where bytes are set.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %byte = llvm.mlir.constant(0 : i8) : i8
  %all = llvm.mlir.constant(32 : i64) : i64
  %half = llvm.mlir.constant(16 : i64) : i64
  "llvm.intr.memcpy"(%y, %x, %all) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  %v = llvm.load %y : !llvm.ptr -> f64
  llvm.store %v, %y : f64, !llvm.ptr
  "llvm.intr.memset"(%y, %byte, %half) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
  llvm.return %zero : i64
}
llvm.func @copies.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>]}}

// CHECK-LABEL: func.func @copies.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           "llvm.intr.memcpy"(%y, %x, %{{.*}}) <{isVolatile = false}>
// CHECK:           %[[V:.*]] = llvm.load %y
// CHECK:           llvm.store %[[V]], %y
// CHECK:           "llvm.intr.memset"(%y, %{{.*}}, %{{.*}}) <{isVolatile = false}>
// CHECK:           "llvm.intr.memset"(%[[DY]], %{{.*}}, %{{.*}}) <{isVolatile = false}>
// CHECK:           %{{.*}} = llvm.load %[[DY]]
// CHECK:           scf.for %[[V2:.*]] = %{{.*}} to %{{.*}} step %{{.*}} : i64 {
// CHECK:             %[[V3:.*]] = llvm.getelementptr %[[DX]][%[[V2]]]
// CHECK:             %[[V4:.*]] = llvm.getelementptr %[[DY]][%[[V2]]]
// CHECK:             %[[V5:.*]] = llvm.load %[[V3]]
// CHECK:             %[[V6:.*]] = llvm.load %[[V4]]
// CHECK:             %[[V7:.*]] = arith.addf %[[V5]], %[[V6]]
// CHECK:             llvm.store %[[V7]], %[[V3]]
// CHECK:           "llvm.intr.memset"(%[[DY]], %{{.*}}, %{{.*}}) <{isVolatile = false}>

// -----

// Within one array the floats are taken from the shadow one by one, in the order opposite to the copy's.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %size = llvm.mlir.constant(24 : i64) : i64
  %v = llvm.load %x : !llvm.ptr -> f64
  llvm.store %v, %y : f64, !llvm.ptr
  %p = llvm.getelementptr inbounds %y[1] : (!llvm.ptr) -> !llvm.ptr, f64
  "llvm.intr.memmove"(%p, %y, %size) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  llvm.return %zero : i64
}
llvm.func @move.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>]}}

// CHECK-LABEL: func.func @move.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[V:.*]] = llvm.load %x
// CHECK:           llvm.store %[[V]], %y
// CHECK:           %[[P:.*]] = llvm.getelementptr inbounds %y[1]
// CHECK:           %[[P2:.*]] = llvm.getelementptr inbounds %[[DY]][1]
// CHECK:           "llvm.intr.memmove"(%[[P]], %y, %{{.*}}) <{isVolatile = false}>
// CHECK:           %[[V2:.*]] = llvm.ptrtoint %[[P2]]
// CHECK:           %[[V3:.*]] = llvm.ptrtoint %[[DY]]
// CHECK:           %[[V4:.*]] = arith.cmpi ugt, %[[V2]], %[[V3]]
// CHECK:           scf.for %[[V5:.*]] = %{{.*}} to %{{.*}} step %{{.*}} : i64 {
// CHECK:             %[[V6:.*]] = arith.subi %{{.*}}, %[[V5]]
// CHECK:             %[[V7:.*]] = arith.select %[[V4]], %[[V5]], %[[V6]]
// CHECK:             %[[V8:.*]] = llvm.getelementptr %[[P2]][%[[V7]]]
// CHECK:             %[[V9:.*]] = llvm.getelementptr %[[DY]][%[[V7]]]
// CHECK:             %[[V10:.*]] = llvm.load %[[V8]]
// CHECK:             llvm.store %{{.*}}, %[[V8]]
// CHECK:             %[[V11:.*]] = llvm.load %[[V9]]
// CHECK:             %[[V12:.*]] = arith.addf %[[V11]], %[[V10]]
// CHECK:             llvm.store %[[V12]], %[[V9]]
// CHECK:           %[[DV:.*]] = llvm.load %[[DY]]
// CHECK:           %[[V13:.*]] = llvm.load %[[DX]]
// CHECK:           %[[V14:.*]] = arith.addf %[[V13]], %[[DV]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           llvm.store %[[V14]], %[[DX]]

// -----

// A call of BLAS gives calls of BLAS: dA += 2 dy x^T, dx += 2 A^T dy, dy *= 3.
llvm.func internal @f(%a: !llvm.ptr {llvm.noalias}, %x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %order = llvm.mlir.constant(101 : i32) : i32
  %no = llvm.mlir.constant(111 : i32) : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %three = llvm.mlir.constant(3 : i32) : i32
  %four = llvm.mlir.constant(4 : i32) : i32
  %alpha = llvm.mlir.constant(2.0 : f64) : f64
  %beta = llvm.mlir.constant(3.0 : f64) : f64
  %v = llvm.load %x : !llvm.ptr -> f64
  llvm.store %v, %y : f64, !llvm.ptr
  llvm.call @cblas_dgemv(%order, %no, %three, %four, %alpha, %a, %four, %x, %one, %beta, %y, %one) : (i32, i32, i32, i32, f64, !llvm.ptr, i32, !llvm.ptr, i32, f64, !llvm.ptr, i32) -> ()
  llvm.return %zero : i64
}
llvm.func @cblas_dgemv(i32, i32, i32, i32, f64, !llvm.ptr, i32, !llvm.ptr, i32, f64, !llvm.ptr, i32)
llvm.func @gemv.vjp_0_1_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "llvm", arguments = 2 : i64, outs = 1 : i64, types = [memref<3x4xf64>, memref<4xf64>, memref<3xf64>, memref<3x4xf64>, memref<4xf64>, memref<3xf64>]}}

// CHECK-LABEL: func.func @gemv.vjp_0_1_of_0.body(
// CHECK-SAME:      %[[DA:[0-9]+]]: !llvm.ptr, %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[V:.*]] = llvm.load %x
// CHECK:           llvm.store %[[V]], %y
// CHECK:           llvm.call @cblas_dgemv(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %a, %{{.*}}, %x, %{{.*}}, %{{.*}}, %y, %{{.*}})
// CHECK:           llvm.call @cblas_dger(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[DY]], %{{.*}}, %x, %{{.*}}, %[[DA]], %{{.*}})
// CHECK:           llvm.call @cblas_dgemv(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %a, %{{.*}}, %[[DY]], %{{.*}}, %{{.*}}, %[[DX]], %{{.*}})
// CHECK:           scf.for %[[V2:.*]] = %{{.*}} to %{{.*}} step %{{.*}} : i64 {
// CHECK:             %[[V3:.*]] = llvm.getelementptr %[[DY]][%[[V2]]]
// CHECK:             %[[V4:.*]] = llvm.load %[[V3]]
// CHECK:             %[[V5:.*]] = arith.mulf %[[V4]], %{{.*}}
// CHECK:             llvm.store %[[V5]], %[[V3]]
// CHECK:           %[[DV:.*]] = llvm.load %[[DY]]
// CHECK:           %[[V6:.*]] = llvm.load %[[DX]]
// CHECK:           %[[V7:.*]] = arith.addf %[[V6]], %[[DV]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           llvm.store %[[V7]], %[[DX]]

// -----

// An assertion that the module names, and what stops the derivative.
module attributes {dialectad.asserts = [{message = "IndexError: no such element", location = "f.py:1:1"}]} {
  llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %i: i64, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
    %zero = llvm.mlir.constant(0 : i64) : i64
    %one = llvm.mlir.constant(1 : i64) : i64
    %four = llvm.mlir.constant(4 : i64) : i64
    %ok = llvm.icmp "ult" %i, %four : i64
    llvm.call @dialectad.assert(%ok, %one) : (i1, i64) -> ()
    %p = llvm.getelementptr inbounds %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
    %v = llvm.load %p : !llvm.ptr -> f64
    %q = llvm.call @dialectad.stop.f64(%v) : (f64) -> f64
    %r = llvm.fmul %v, %q : f64
    llvm.store %r, %y : f64, !llvm.ptr
    llvm.return %zero : i64
  }
  llvm.func @dialectad.assert(i1, i64)
  llvm.func @dialectad.stop.f64(f64) -> f64
  llvm.func @stop.vjp_0_of_0(!llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 2 : i64, outs = 1 : i64, types = [memref<4xf64>, index, memref<f64>, memref<4xf64>, memref<f64>]}}
}

// CHECK-LABEL: func.func @stop.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[OK:.*]] = arith.cmpi ult, %i, %{{.*}}
// CHECK:           cf.assert %[[OK]], "IndexError: no such element"
// CHECK:           %[[P:.*]] = llvm.getelementptr inbounds %x[%i]
// CHECK:           %[[P2:.*]] = llvm.getelementptr inbounds %[[DX]][%i]
// CHECK:           %[[V:.*]] = llvm.load %[[P]]
// CHECK:           %[[Q:.*]] = "ad.stop"(%[[V]])
// CHECK:           %[[R:.*]] = arith.mulf %[[V]], %[[Q]]
// CHECK:           llvm.store %[[R]], %y
// CHECK:           %[[DR:.*]] = llvm.load %[[DY]]
// CHECK:           %[[DV:.*]] = arith.mulf %[[DR]], %[[Q]]
// CHECK:           %[[V2:.*]] = llvm.load %[[P2]]
// CHECK:           %[[V3:.*]] = arith.addf %[[V2]], %[[DV]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           llvm.store %[[V3]], %[[P2]]

// -----

// What a branch would compute is computed without one: a guard keeps it out of the derivative.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %nothing = llvm.mlir.constant(0.0 : f64) : f64
  %v = llvm.load %x : !llvm.ptr -> f64
  %positive = llvm.fcmp "ogt" %v, %nothing : f64
  %root = llvm.intr.sqrt(%v) : (f64) -> f64
  %r = llvm.select %positive, %root, %nothing : i1, f64
  llvm.store %r, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @guard.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// CHECK-LABEL: func.func @guard.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[V:.*]] = llvm.load %x
// CHECK:           %[[POSITIVE:.*]] = arith.cmpf ogt, %[[V]], %{{.*}}
// CHECK:           %[[V2:.*]] = arith.select %[[POSITIVE]], %[[V]], %{{.*}}
// CHECK:           %[[ROOT:.*]] = math.sqrt %[[V2]]
// CHECK:           %[[R:.*]] = arith.select %[[POSITIVE]], %[[ROOT]], %{{.*}}
// CHECK:           llvm.store %[[R]], %y
// CHECK:           %[[DR:.*]] = llvm.load %[[DY]]
// CHECK:           %[[DROOT:.*]] = arith.select %[[POSITIVE]], %[[DR]], %{{.*}}
// CHECK:           %[[V3:.*]] = arith.divf %[[DROOT]], %[[ROOT]]
// CHECK:           %[[V4:.*]] = arith.mulf %[[V3]], %{{.*}}
// CHECK:           %[[DV:.*]] = arith.select %[[POSITIVE]], %[[V4]], %{{.*}}
// CHECK:           %[[V5:.*]] = llvm.load %[[DX]]
// CHECK:           %[[V6:.*]] = arith.addf %[[V5]], %[[DV]]
// CHECK:           llvm.store %{{.*}}, %[[DY]]
// CHECK:           llvm.store %[[V6]], %[[DX]]

// -----

// Eight bytes that LLVM copies as an integer are the float that they are declared as.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %v = llvm.load %x : !llvm.ptr -> i64
  llvm.store %v, %y : i64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @retyped.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// CHECK-LABEL: func.func @retyped.vjp_0_of_0.body(
// CHECK-SAME:      %[[DX:[0-9]+]]: !llvm.ptr, %[[DY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[V:.*]] = llvm.load %x{{.*}} -> f64
// CHECK:           llvm.store %[[V]], %y
// CHECK:           %[[DV:.*]] = llvm.load %[[DY]]
// CHECK:           %[[OLD:.*]] = llvm.load %[[DX]]
// CHECK:           %[[SUM:.*]] = arith.addf %[[OLD]], %[[DV]]
// CHECK:           llvm.store %[[SUM]], %[[DX]]

// -----

// A loop that carries pointers carries the numbers of the buffers, 0 and 1, and offsets in bytes.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %five = llvm.mlir.constant(5 : i64) : i64
  %f = scf.for %i = %zero to %five step %one iter_args(%p = %x) -> (!llvm.ptr) : i64 {
    %v = llvm.load %p : !llvm.ptr -> f64
    llvm.store %v, %y : f64, !llvm.ptr
    %q = llvm.getelementptr %p[2] : (!llvm.ptr) -> !llvm.ptr, f64
    scf.yield %q : !llvm.ptr
  }
  %r, %s = scf.for %i = %zero to %five step %one iter_args(%p = %f, %q = %y) -> (!llvm.ptr, !llvm.ptr) : i64 {
    scf.yield %q, %p : !llvm.ptr, !llvm.ptr
  }
  %w = llvm.load %r : !llvm.ptr -> f64
  llvm.store %w, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @f.jvp_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "jvp", active = array<i64: 0>, seeds = array<i64>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<11xf64>, memref<f64>, memref<11xf64>, memref<f64>]}}

// CHECK-LABEL: func.func @f.jvp_0.body(
// CHECK-SAME:      %x: !llvm.ptr, %y: !llvm.ptr, %[[TX:[0-9]+]]: !llvm.ptr, %[[TY:[0-9]+]]: !llvm.ptr)
// CHECK:           %[[F:.*]] = scf.for {{.*}} iter_args(%[[K:.*]] = %zero) -> (i64) : i64 {
// CHECK:             %[[P:.*]] = llvm.getelementptr %x[%[[K]]]{{.*}}, i8
// CHECK:             %[[TP:.*]] = llvm.getelementptr %[[TX]][%[[K]]]{{.*}}, i8
// CHECK:             llvm.load %[[P]]
// CHECK:             llvm.load %[[TP]]
// CHECK:             %[[NEXT:.*]] = arith.addi %[[K]], %{{.*}}
// CHECK:             scf.yield %[[NEXT]]
// CHECK:           %[[N:.*]], %[[O:.*]], %{{.*}}, %{{.*}} = scf.for {{.*}} iter_args(%[[A:.*]] = %zero, %[[B:.*]] = %[[F]], %[[C:.*]] = %one, %[[D:.*]] = %zero)
// CHECK:             scf.yield %[[C]], %[[D]], %[[A]], %[[B]]
// CHECK:           %[[HERE:.*]] = llvm.getelementptr %y[%[[O]]]
// CHECK:           %[[THERE:.*]] = llvm.getelementptr %x[%[[O]]]
// CHECK:           %[[IS0:.*]] = arith.cmpi eq, %[[N]], %zero
// CHECK:           scf.if %[[IS0]]
// CHECK:             llvm.load %[[THERE]]
// CHECK:           } else {
// CHECK:             llvm.load %[[HERE]]

// -----

// A cache of an inner derivative is one again: what is pushed in forward order has a shadow that is popped in
// reverse order, and a slot has a shadow of its own.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %v = llvm.load %x : !llvm.ptr -> f64
  %c = llvm.call @dialectad.cache.f64() : () -> !llvm.ptr
  %d = llvm.call @dialectad.slots.f64() : () -> !llvm.ptr
  llvm.call @dialectad.push.f64(%c, %v) : (!llvm.ptr, f64) -> ()
  %s = llvm.call @dialectad.reserve.f64(%d, %one) : (!llvm.ptr, i64) -> !llvm.ptr
  llvm.store %v, %s : f64, !llvm.ptr
  %t = llvm.call @dialectad.pop_slot.f64(%d, %one) : (!llvm.ptr, i64) -> !llvm.ptr
  %w = llvm.load %t : !llvm.ptr -> f64
  %u = llvm.call @dialectad.pop.f64(%c) : (!llvm.ptr) -> f64
  %r = llvm.fadd %u, %w : f64
  llvm.store %r, %y : f64, !llvm.ptr
  llvm.call @dialectad.end_cache.f64(%c) : (!llvm.ptr) -> ()
  llvm.call @dialectad.end_cache.f64(%d) : (!llvm.ptr) -> ()
  llvm.return %zero : i64
}
llvm.func @dialectad.cache.f64() -> !llvm.ptr
llvm.func @dialectad.slots.f64() -> !llvm.ptr
llvm.func @dialectad.push.f64(!llvm.ptr, f64)
llvm.func @dialectad.reserve.f64(!llvm.ptr, i64) -> !llvm.ptr
llvm.func @dialectad.pop_slot.f64(!llvm.ptr, i64) -> !llvm.ptr
llvm.func @dialectad.pop.f64(!llvm.ptr) -> f64
llvm.func @dialectad.end_cache.f64(!llvm.ptr)
llvm.func @f.vjp_0_of_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// CHECK-LABEL: func.func @f.vjp_0_of_0.body(
// CHECK-DAG:       %c = "ad.cache"() : () -> !ad.cache<f64>
// CHECK-DAG:       %d = "ad.cache"() : () -> !ad.cache<memref<?xf64>>
// CHECK-DAG:       %[[DC:.*]] = "ad.cache"() : () -> !ad.cache<f64>
// CHECK-DAG:       %[[DD:.*]] = "ad.cache"() : () -> !ad.cache<memref<?xf64>>
// CHECK:           "ad.push"(%c, %v)
// CHECK:           "ad.reserve"(%d, %{{.*}})
// CHECK:           "ad.pop"(%d, %{{.*}})
// CHECK:           "ad.pop"(%c)
// CHECK:           "ad.push"(%{{.*}}, %[[DU:.*]]) : (!ad.cache<f64>, f64) -> ()
// CHECK:           "ad.pop"(%{{.*}}) : (!ad.cache<f64>) -> f64

// -----

// A float that is copied as an integer is a float; whether it is negative is asked of its bits.
llvm.func internal @f(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}) -> i64 attributes {dialectad.differentiated} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %v = llvm.load %x : !llvm.ptr -> i64
  llvm.store %v, %y : i64, !llvm.ptr
  %negative = llvm.icmp "slt" %v, %zero : i64
  %s = llvm.uitofp %negative : i1 to f64
  %w = llvm.load %y : !llvm.ptr -> f64
  %r = llvm.fmul %w, %s : f64
  llvm.store %r, %y : f64, !llvm.ptr
  llvm.return %zero : i64
}
llvm.func @f.jvp_0(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64 attributes {dialectad.derivative = {callee = @f, kind = "jvp", active = array<i64: 0>, seeds = array<i64>, level = "llvm", arguments = 1 : i64, outs = 1 : i64, types = [memref<f64>, memref<f64>, memref<f64>, memref<f64>]}}

// CHECK-LABEL: func.func @f.jvp_0.body(
// CHECK-SAME:      %[[TX:[0-9]+]]: !llvm.ptr, %[[TY:[0-9]+]]: !llvm.ptr)
// CHECK:           %v = llvm.load %x : !llvm.ptr -> f64
// CHECK:           %tv = llvm.load %[[TX]] : !llvm.ptr -> f64
// CHECK:           %[[BITS:.*]] = arith.bitcast %v : f64 to i64
// CHECK:           llvm.store %tv, %[[TY]] : f64, !llvm.ptr
// CHECK:           arith.cmpi slt, %[[BITS]], %zero
