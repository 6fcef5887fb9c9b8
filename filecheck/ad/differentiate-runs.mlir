// RUN: dialectad-opt -p "differentiate{level=loop}" --split-input-file %s | filecheck %s

// The forward sweep stands where the call was, and its cache is read where the pullback was, of %z and %w: these hold
// what %x and %y held.
func.func private @f(%x: memref<4xf64>, %y: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %one = arith.constant 1.0 : f64
  %p = scf.for %i = %c0 to %c4 step %c1 iter_args(%q = %one) -> (f64) {
    %a = memref.load %x[%i] : memref<4xf64>
    %b = arith.mulf %q, %a : f64
    memref.store %b, %y[%i] : memref<4xf64>
    scf.yield %b : f64
  }
  func.return
}

// CHECK-LABEL: func.func @once(
// CHECK-SAME:      %x: memref<4xf64>, %y: memref<4xf64>, %z: memref<4xf64>, %w: memref<4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>)
// CHECK:         %[[CACHE:.*]] = "ad.cache"
// CHECK:         scf.for
// CHECK-NEXT:      "ad.push"(%[[CACHE]], %{{.*}})
// CHECK-NEXT:      memref.load %x
// CHECK:           memref.store %{{.*}}, %y
// CHECK:         memref.copy
// CHECK:         scf.for
// CHECK:           "ad.pop"(%[[CACHE]])
// CHECK:           memref.load %dy
// CHECK:           memref.store %{{.*}}, %dx
// CHECK:         func.return
func.func @once(%x: memref<4xf64>, %y: memref<4xf64>, %z: memref<4xf64>, %w: memref<4xf64>, %dx: memref<4xf64>, %dy: memref<4xf64>) {
  %run = "ad.augmented"(%x, %y) <{callee = @f}> : (memref<4xf64>, memref<4xf64>) -> !ad.run
  "memref.copy"(%y, %dy) : (memref<4xf64>, memref<4xf64>) -> ()
  "ad.pullback"(%run, %z, %w, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, memref<4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>) -> ()
  func.return
}

// -----

// Views that the forward sweep has made of its arguments are made again of where these are now.
func.func private @f(%x: memref<4xf64>, %y: memref<f64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %v = memref.subview %x[2] [2] [1] : memref<4xf64> to memref<2xf64, strided<[1], offset: 2>>
  %a = memref.load %v[%c0] : memref<2xf64, strided<[1], offset: 2>>
  %b = arith.mulf %a, %a : f64
  memref.store %b, %y[] : memref<f64>
  func.return
}

// CHECK-LABEL: func.func @views(
// CHECK:         memref.subview %x[2] [2] [1]
// CHECK-NOT:     memref.subview %dx
// CHECK:         math.sin
// CHECK:         memref.subview %dx[2] [2] [1]
func.func @views(%x: memref<4xf64>, %y: memref<f64>, %z: memref<4xf64>, %w: memref<f64>, %dx: memref<4xf64>, %dy: memref<f64>, %s: f64) -> f64 {
  %run = "ad.augmented"(%x, %y) <{callee = @f}> : (memref<4xf64>, memref<f64>) -> !ad.run
  %t = math.sin %s : f64
  "ad.pullback"(%run, %z, %w, %dx, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (!ad.run, memref<4xf64>, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return %t : f64
}
