// RUN: dialectad-opt -p "differentiate{level=loop}" --split-input-file %s | filecheck %s

func.func private @s(%x: memref<4xf64>, %a: f64, %y: memref<f64>) attributes {dialectad.level = "llvm", dialectad.outs = 1 : i64} {
  func.return
}
func.func private @f(%x: memref<4xf64>, %a: f64, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.call @s(%x, %a, %y) {dialectad.level = "llvm", dialectad.outs = 1 : i64} : (memref<4xf64>, f64, memref<f64>) -> ()
  func.return
}

// CHECK-LABEL: func.func private @f.jvp_1(
// CHECK-SAME:      %x: memref<4xf64>, %a: f64, %y: memref<f64>, %ta: f64, %[[TY:.*]]: memref<f64>)
// CHECK-NEXT:    "ad.jvp"(%x, %a, %y, %ta, %[[TY]]) <{callee = @s, active = array<i64: 1>, level = "llvm"}>
// CHECK-NEXT:    func.return

// What the call wrote had the cotangent zero before; what it writes once more has memory of its own.
// CHECK-LABEL: func.func private @f.vjp_0_1_of_0(
// CHECK-SAME:      %x: memref<4xf64>, %a: f64, %y: memref<f64>, %[[DX:.*]]: memref<4xf64>, %[[DA:.*]]: memref<f64>, %[[DY:.*]]: memref<f64>)
// CHECK-NEXT:    func.call @s(%x, %a, %y)
// CHECK-NEXT:    %[[OWN:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    %[[C:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    "memref.copy"(%[[DY]], %[[C]])
// CHECK:         memref.store %{{.*}}, %[[DY]][]
// CHECK:         %[[T:.*]] = memref.alloc() : memref<f64>
// CHECK:         memref.store %{{.*}}, %[[T]][]
// CHECK-NEXT:    "ad.vjp"(%x, %a, %[[OWN]], %[[DX]], %[[T]], %[[C]]) <{callee = @s, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "llvm"}>
// CHECK-NEXT:    %[[D:.*]] = memref.load %[[T]][]
// CHECK:         memref.store %{{.*}}, %[[DA]][]
func.func @reverse(%x: memref<4xf64>, %a: f64, %y: memref<f64>, %dx: memref<4xf64>, %da: memref<f64>, %dy: memref<f64>) {
  "ad.vjp"(%x, %a, %y, %dx, %da, %dy) <{callee = @f, active = array<i64: 0, 1>, seeds = array<i64: 0>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, memref<4xf64>, memref<f64>, memref<f64>) -> ()
  func.return
}

func.func @forward(%x: memref<4xf64>, %a: f64, %y: memref<f64>, %ta: f64, %ty: memref<f64>) {
  "ad.jvp"(%x, %a, %y, %ta, %ty) <{callee = @f, active = array<i64: 1>, level = "loop"}> : (memref<4xf64>, f64, memref<f64>, f64, memref<f64>) -> ()
  func.return
}

// -----

// A request as a call: what it adds to becomes a sum.
func.func private @s(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  func.return
}
// CHECK-LABEL: func.func private @s.request(%0: memref<4xf64>, %1: memref<f64>, %2: memref<f64>, %3: memref<4xf64>) attributes {dialectad.outs = 2 : i64} {
// CHECK:         linalg.fill ins(%{{.*}} : f64) outs(%3 : memref<4xf64>)
// CHECK:         %[[C:.*]] = memref.alloc() : memref<f64>
// CHECK-NEXT:    "memref.copy"(%1, %[[C]])
// CHECK-NEXT:    "ad.vjp"(%0, %2, %3, %[[C]]) <{callee = @s, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}>
// CHECK-LABEL: func.func private @f.jvp_0(
// CHECK:         "ad.jvp"({{.*}}) <{callee = @s.request, active = array<i64: 0>, level = "llvm"}>
func.func private @f(%x: memref<4xf64>, %dy: memref<f64>, %y: memref<f64>, %dx: memref<4xf64>) attributes {dialectad.outs = 2 : i64} {
  %zero = arith.constant 0.0 : f64
  linalg.fill ins(%zero : f64) outs(%dx : memref<4xf64>)
  "ad.vjp"(%x, %y, %dx, %dy) <{callee = @s, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (memref<4xf64>, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}
func.func @over(%x: memref<4xf64>, %dy: memref<f64>, %y: memref<f64>, %dx: memref<4xf64>, %tx: memref<4xf64>, %ty: memref<f64>, %tdx: memref<4xf64>) {
  "ad.jvp"(%x, %dy, %y, %dx, %tx, %ty, %tdx) <{callee = @f, active = array<i64: 0>, level = "loop"}> : (memref<4xf64>, memref<f64>, memref<f64>, memref<4xf64>, memref<4xf64>, memref<f64>, memref<4xf64>) -> ()
  func.return
}
