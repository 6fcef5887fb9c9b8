// RUN: dialectad-opt -p choose-level --split-input-file %s | filecheck %s

// Single elements in a loop: level loop.
func.func private @elements(%x : tensor<64xf64>) -> tensor<64xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%a = %x) -> (tensor<64xf64>) {
    %e = tensor.extract %a[%i] : tensor<64xf64>
    %f = math.sin %e : f64
    %b = tensor.insert %f into %a[%i] : tensor<64xf64>
    scf.yield %b : tensor<64xf64>
  }
  func.return %r : tensor<64xf64>
}

func.func @by_elements(%x : tensor<64xf64>, %dr : tensor<64xf64>) -> (tensor<64xf64>, tensor<64xf64>) {
  %r, %dx = "ad.vjp"(%x, %dr) <{callee = @elements, active = array<i64: 0>, seeds = array<i64: 0>, level = "auto"}> : (tensor<64xf64>, tensor<64xf64>) -> (tensor<64xf64>, tensor<64xf64>)
  func.return %r, %dx : tensor<64xf64>, tensor<64xf64>
}

// CHECK-LABEL: func.func @by_elements(
// CHECK:         "ad.vjp"{{.*}}level = "loop"

// -----

// Whole arrays: level linalg.
func.func private @arrays(%x : tensor<64xf64>) -> tensor<64xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %x) -> (tensor<64xf64>) {
    %b = math.sin %a : tensor<64xf64>
    scf.yield %b : tensor<64xf64>
  }
  func.return %r : tensor<64xf64>
}

func.func @by_arrays(%x : tensor<64xf64>, %tx : tensor<64xf64>) -> (tensor<64xf64>, tensor<64xf64>) {
  %r, %tr = "ad.jvp"(%x, %tx) <{callee = @arrays, active = array<i64: 0>, level = "auto"}> : (tensor<64xf64>, tensor<64xf64>) -> (tensor<64xf64>, tensor<64xf64>)
  func.return %r, %tr : tensor<64xf64>, tensor<64xf64>
}

// CHECK-LABEL: func.func @by_arrays(
// CHECK:         "ad.jvp"{{.*}}level = "linalg"

// -----

// What asks for a derivative that is made at level loop is differentiated there too.
func.func private @f(%x : f64) -> f64 {
  %r = math.sin %x : f64
  func.return %r : f64
}

func.func private @g(%x : f64) -> f64 {
  %one = arith.constant 1.0 : f64
  %r, %dx = "ad.vjp"(%x, %one) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}

func.func @later(%x : f64, %dr : f64) -> (f64, f64) {
  %r, %dx = "ad.vjp"(%x, %dr) <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "auto"}> : (f64, f64) -> (f64, f64)
  func.return %r, %dx : f64, f64
}

// CHECK-LABEL: func.func @later(
// CHECK:         "ad.vjp"{{.*}}level = "loop"

// -----

// Single elements in one loop, whole arrays in another: the one becomes a part at level loop.
func.func private @both(%x : tensor<64x64xf64>) -> tensor<64x64xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c99 = arith.constant 99 : index
  %h = scf.for %i = %c0 to %c99 step %c1 iter_args(%a = %x) -> (tensor<64x64xf64>) {
    %b = math.sin %a : tensor<64x64xf64>
    scf.yield %b : tensor<64x64xf64>
  }
  %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%a = %h) -> (tensor<64x64xf64>) {
    %d = scf.for %j = %c0 to %c64 step %c1 iter_args(%b = %a) -> (tensor<64x64xf64>) {
      %c = scf.for %k = %c0 to %c64 step %c1 iter_args(%c = %b) -> (tensor<64x64xf64>) {
        %e = tensor.extract %c[%i, %k] : tensor<64x64xf64>
        %f = math.sin %e : f64
        %g = tensor.insert %f into %c[%i, %j] : tensor<64x64xf64>
        scf.yield %g : tensor<64x64xf64>
      }
      scf.yield %c : tensor<64x64xf64>
    }
    scf.yield %d : tensor<64x64xf64>
  }
  %s = math.exp %r : tensor<64x64xf64>
  func.return %s : tensor<64x64xf64>
}

func.func @of_both(%x : tensor<64x64xf64>, %dr : tensor<64x64xf64>) -> (tensor<64x64xf64>, tensor<64x64xf64>) {
  %r, %dx = "ad.vjp"(%x, %dr) <{callee = @both, active = array<i64: 0>, seeds = array<i64: 0>, level = "auto"}> : (tensor<64x64xf64>, tensor<64x64xf64>) -> (tensor<64x64xf64>, tensor<64x64xf64>)
  func.return %r, %dx : tensor<64x64xf64>, tensor<64x64xf64>
}

// CHECK-LABEL: func.func private @both(
// CHECK:         %h = scf.for
// CHECK:         %r = func.call @both.part(%h) : (tensor<64x64xf64>) -> tensor<64x64xf64>
// CHECK-NEXT:    %s = math.exp %r
// CHECK-LABEL: func.func private @both.part(%{{.*}}: tensor<64x64xf64>) -> tensor<64x64xf64> attributes {dialectad.level = "loop"} {
// CHECK:         scf.for
// CHECK:         func.return
// CHECK-LABEL: func.func @of_both(
// CHECK:         "ad.vjp"{{.*}}level = "mixed"
