// RUN: dialectad-opt -p bufferize --split-input-file %s | filecheck %s

// An update in place.
func.func @insert(%a: tensor<4xf64> {dialectad.inout = 0 : i64}, %x: f64, %i: index) -> tensor<4xf64> {
  %r = tensor.insert %x into %a[%i] : tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @insert(%a: memref<4xf64> {dialectad.inout = 0 : i64}, %x: f64, %i: index) attributes {dialectad.outs = 0 : i64} {
// CHECK-NEXT:    memref.store %x, %a[%i] : memref<4xf64>

// -----

// An argument that isn't inout is copied to the result first.
func.func @copy(%a: tensor<4xf64>, %x: f64, %i: index) -> tensor<4xf64> {
  %r = tensor.insert %x into %a[%i] : tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @copy(%a: memref<4xf64>, %x: f64, %i: index, %out0: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    "memref.copy"(%a, %out0) : (memref<4xf64>, memref<4xf64>) -> ()
// CHECK-NEXT:    memref.store %x, %out0[%i] : memref<4xf64>

// -----

// Scalar results are stored into memrefs of rank 0, after those of tensors.
func.func @results(%a: tensor<4xf64>, %i: index) -> (f64, tensor<4xf64>) {
  %x = tensor.extract %a[%i] : tensor<4xf64>
  %r = tensor.splat %x : tensor<4xf64>
  func.return %x, %r : f64, tensor<4xf64>
}

// CHECK-LABEL: func.func @results(%a: memref<4xf64>, %i: index, %out0: memref<f64>, %out1: memref<4xf64>) attributes {dialectad.outs = 2 : i64} {
// CHECK-NEXT:    %x = memref.load %a[%i] : memref<4xf64>
// CHECK-NEXT:    linalg.fill ins(%x : f64) outs(%out1 : memref<4xf64>)
// CHECK-NEXT:    memref.store %x, %out0[] : memref<f64>

// -----

// The slice is updated where it is.
func.func @slice(%a: tensor<3x4xf64> {dialectad.inout = 0 : i64}, %v: tensor<4xf64>, %i: index) -> tensor<3x4xf64> {
  %s = tensor.extract_slice %a[%i, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %t = arith.addf %s, %v : tensor<4xf64>
  %r = tensor.insert_slice %t into %a[%i, 0] [1, 4] [1, 1] : tensor<4xf64> into tensor<3x4xf64>
  func.return %r : tensor<3x4xf64>
}

// CHECK-LABEL: func.func @slice(%a: memref<3x4xf64> {dialectad.inout = 0 : i64}, %v: memref<4xf64>, %i: index) attributes {dialectad.outs = 0 : i64} {
// CHECK-NEXT:    %0 = memref.subview %a[%i, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: ?>>
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%0, %v : memref<4xf64, strided<[1], offset: ?>>, memref<4xf64>) outs(%0 : memref<4xf64, strided<[1], offset: ?>>) {
// CHECK-NEXT:    ^bb0(%1: f64, %2: f64, %3: f64):
// CHECK-NEXT:      %4 = arith.addf %1, %2 : f64
// CHECK-NEXT:      linalg.yield %4 : f64
// CHECK-NEXT:    }

// -----

// The row that is read later is moved out of the way, not the matrix.
func.func @evict(%a: tensor<3x4xf64> {dialectad.inout = 0 : i64}, %x: f64, %i: index, %j: index) -> (tensor<3x4xf64>, f64) {
  %s = tensor.extract_slice %a[1, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %r = tensor.insert %x into %a[%i, %j] : tensor<3x4xf64>
  %y = tensor.extract %s[%j] : tensor<4xf64>
  func.return %r, %y : tensor<3x4xf64>, f64
}

// CHECK-LABEL: func.func @evict(%a: memref<3x4xf64> {dialectad.inout = 0 : i64}, %x: f64, %i: index, %j: index, %out1: memref<f64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    %0 = memref.alloc() : memref<4xf64>
// CHECK-NEXT:    %1 = memref.subview %a[1, 0] [1, 4] [1, 1] : memref<3x4xf64> to memref<4xf64, strided<[1], offset: 4>>
// CHECK-NEXT:    "memref.copy"(%1, %0) : (memref<4xf64, strided<[1], offset: 4>>, memref<4xf64>) -> ()
// CHECK-NEXT:    memref.store %x, %a[%i, %j] : memref<3x4xf64>
// CHECK-NEXT:    %y = memref.load %0[%j] : memref<4xf64>
// CHECK-NEXT:    memref.store %y, %out1[] : memref<f64>

// -----

// A slice of a layout that can't be collapsed is copied.
func.func @reshape(%a: tensor<4x4xf64>, %i: index) -> (f64, f64) {
  %s = tensor.extract_slice %a[0, 0] [2, 2] [1, 1] : tensor<4x4xf64> to tensor<2x2xf64>
  %t = tensor.collapse_shape %s [[0, 1]] : tensor<2x2xf64> into tensor<4xf64>
  %x = tensor.extract %t[%i] : tensor<4xf64>
  %u = tensor.extract_slice %a[2, 0] [2, 4] [1, 1] : tensor<4x4xf64> to tensor<2x4xf64>
  %v = tensor.collapse_shape %u [[0, 1]] : tensor<2x4xf64> into tensor<8xf64>
  %y = tensor.extract %v[%i] : tensor<8xf64>
  func.return %x, %y : f64, f64
}

// CHECK-LABEL: func.func @reshape(%a: memref<4x4xf64>, %i: index, %out0: memref<f64>, %out1: memref<f64>) attributes {dialectad.outs = 2 : i64} {
// CHECK-NEXT:    %0 = memref.alloc() : memref<2x2xf64>
// CHECK-NEXT:    %1 = memref.subview %a[0, 0] [2, 2] [1, 1] : memref<4x4xf64> to memref<2x2xf64, strided<[4, 1]>>
// CHECK-NEXT:    "memref.copy"(%1, %0) : (memref<2x2xf64, strided<[4, 1]>>, memref<2x2xf64>) -> ()
// CHECK-NEXT:    %2 = memref.collapse_shape %0 {{\[\[}}0 : i64, 1 : i64]] : memref<2x2xf64> into memref<4xf64>
// CHECK-NEXT:    %x = memref.load %2[%i] : memref<4xf64>
// CHECK-NEXT:    %3 = memref.subview %a[2, 0] [2, 4] [1, 1] : memref<4x4xf64> to memref<2x4xf64, strided<[4, 1], offset: 8>>
// CHECK-NEXT:    %4 = memref.collapse_shape %3 {{\[\[}}0 : i64, 1 : i64]] : memref<2x4xf64, strided<[4, 1], offset: 8>> into memref<8xf64, strided<[1], offset: 8>>
// CHECK-NEXT:    %y = memref.load %4[%i] : memref<8xf64, strided<[1], offset: 8>>
// CHECK-NEXT:    memref.store %x, %out0[] : memref<f64>
// CHECK-NEXT:    memref.store %y, %out1[] : memref<f64>

// -----

// Constants: a splat is filled in where it is updated, others are globals.
func.func @constants(%x: f64, %i: index) -> (tensor<3xf64>, f64) {
  %a = arith.constant dense<1.0> : tensor<3xf64>
  %r = tensor.insert %x into %a[%i] : tensor<3xf64>
  %b = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf64>
  %y = tensor.extract %b[%i] : tensor<3xf64>
  func.return %r, %y : tensor<3xf64>, f64
}

// CHECK:       "memref.global"() <{sym_name = "constant_0", type = memref<3xf64>, initial_value = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf64>, sym_visibility = "private", constant, alignment = 64 : i64}> : () -> ()
// CHECK-LABEL: func.func @constants(%x: f64, %i: index, %out0: memref<3xf64>, %out1: memref<f64>) attributes {dialectad.outs = 2 : i64} {
// CHECK-NEXT:    %0 = arith.constant 1.000000e+00 : f64
// CHECK-NEXT:    linalg.fill ins(%0 : f64) outs(%out0 : memref<3xf64>)
// CHECK-NEXT:    memref.store %x, %out0[%i] : memref<3xf64>
// CHECK-NEXT:    %1 = memref.get_global @constant_0 : memref<3xf64>
// CHECK-NEXT:    %y = memref.load %1[%i] : memref<3xf64>
// CHECK-NEXT:    memref.store %y, %out1[] : memref<f64>

// -----

// An input of equal elements is captured as their scalar, and the op runs where its result is wanted.
#id = affine_map<(d0) -> (d0)>
func.func @generic(%a: tensor<4xf64>, %x: f64) -> tensor<4xf64> {
  %s = tensor.splat %x : tensor<4xf64>
  %e = tensor.empty() : tensor<4xf64>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%s, %a : tensor<4xf64>, tensor<4xf64>) outs(%e : tensor<4xf64>) {
  ^bb0(%p: f64, %q: f64, %o: f64):
    %t = arith.mulf %p, %q : f64
    linalg.yield %t : f64
  } -> tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @generic(%a: memref<4xf64>, %x: f64, %out0: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%a : memref<4xf64>) outs(%out0 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%q: f64, %o: f64):
// CHECK-NEXT:      %t = arith.mulf %x, %q : f64
// CHECK-NEXT:      linalg.yield %t : f64
// CHECK-NEXT:    }

// -----

func.func @broadcast(%a: tensor<4xf64>) -> tensor<3x4xf64> {
  %e = tensor.empty() : tensor<3x4xf64>
  %r = linalg.broadcast ins(%a : tensor<4xf64>) outs(%e : tensor<3x4xf64>) dimensions = [0]
  func.return %r : tensor<3x4xf64>
}

// CHECK-LABEL: func.func @broadcast(%a: memref<4xf64>, %out0: memref<3x4xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : memref<4xf64>) outs(%out0 : memref<3x4xf64>) {
// CHECK-NEXT:    ^bb0(%0: f64, %1: f64):
// CHECK-NEXT:      linalg.yield %0 : f64
// CHECK-NEXT:    }

// -----

func.func @transpose(%a: tensor<3x4xf64>) -> tensor<4x3xf64> {
  %e = tensor.empty() : tensor<4x3xf64>
  %r = linalg.transpose ins(%a : tensor<3x4xf64>) outs(%e : tensor<4x3xf64>) permutation = [1, 0]
  func.return %r : tensor<4x3xf64>
}

// CHECK-LABEL: func.func @transpose(%a: memref<3x4xf64>, %out0: memref<4x3xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : memref<3x4xf64>) outs(%out0 : memref<4x3xf64>) {
// CHECK-NEXT:    ^bb0(%0: f64, %1: f64):
// CHECK-NEXT:      linalg.yield %0 : f64
// CHECK-NEXT:    }

// -----

func.func @reduce(%a: tensor<3x4xf64>, %x: f64) -> tensor<4xf64> {
  %i = tensor.splat %x : tensor<4xf64>
  %r = linalg.reduce ins(%a : tensor<3x4xf64>) outs(%i : tensor<4xf64>) dimensions = [0] (%p: f64, %acc: f64) {
    %s = arith.addf %p, %acc : f64
    linalg.yield %s : f64
  }
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @reduce(%a: memref<3x4xf64>, %x: f64, %out0: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    linalg.fill ins(%x : f64) outs(%out0 : memref<4xf64>)
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "parallel"]} ins(%a : memref<3x4xf64>) outs(%out0 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%p: f64, %acc: f64):
// CHECK-NEXT:      %s = arith.addf %p, %acc : f64
// CHECK-NEXT:      linalg.yield %s : f64
// CHECK-NEXT:    }

// -----

// beta = 0: the destination is new memory, and that of the result. beta = 1: it is accumulated into.
func.func @gemv(%a: tensor<3x4xf64>, %x: tensor<4xf64>, %y: tensor<3xf64> {dialectad.inout = 0 : i64}) -> (tensor<3xf64>, tensor<3xf64>) {
  %e = tensor.empty() : tensor<3xf64>
  %u = "blas.gemv"(%a, %x, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<3x4xf64>, tensor<4xf64>, tensor<3xf64>) -> tensor<3xf64>
  %v = "blas.gemv"(%a, %x, %y) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<3x4xf64>, tensor<4xf64>, tensor<3xf64>) -> tensor<3xf64>
  func.return %v, %u : tensor<3xf64>, tensor<3xf64>
}

// CHECK-LABEL: func.func @gemv(%a: memref<3x4xf64>, %x: memref<4xf64>, %y: memref<3xf64> {dialectad.inout = 0 : i64}, %out1: memref<3xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    "blas.gemv"(%a, %x, %out1) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}> : (memref<3x4xf64>, memref<4xf64>, memref<3xf64>) -> ()
// CHECK-NEXT:    "blas.gemv"(%a, %x, %y) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64}> : (memref<3x4xf64>, memref<4xf64>, memref<3xf64>) -> ()

// -----

// An extent that is known outside of the loop.
func.func @dynamic(%a: tensor<?xf64>, %n: index, %m: index, %x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> (f64) {
    %s = math.sin %a : tensor<?xf64>
    %z = tensor.extract %s[%i] : tensor<?xf64>
    %w = arith.addf %y, %z : f64
    scf.yield %w : f64
  }
  func.return %r : f64
}

// CHECK-LABEL: func.func @dynamic(%a: memref<?xf64>, %n: index, %m: index, %x: f64, %out0: memref<f64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    %0 = arith.constant 0 : index
// CHECK-NEXT:    %1 = memref.dim %a, %0 : memref<?xf64>
// CHECK:         %2 = memref.alloc(%1) : memref<?xf64>
// CHECK-NEXT:    %r = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> (f64) {
// CHECK-NEXT:      linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%a : memref<?xf64>) outs(%2 : memref<?xf64>) {
// CHECK-NEXT:      ^bb0(%3: f64, %4: f64):
// CHECK-NEXT:        %5 = math.sin %3 : f64
// CHECK-NEXT:        linalg.yield %5 : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      %z = memref.load %2[%i] : memref<?xf64>
// CHECK-NEXT:      %w = arith.addf %y, %z : f64
// CHECK-NEXT:      scf.yield %w : f64
// CHECK-NEXT:    }
// CHECK-NEXT:    memref.store %r, %out0[] : memref<f64>

// -----

// A loop decides the extent, but it is never greater than that of the array: memory is static.
func.func @bounded(%a: tensor<8xf64> {dialectad.inout = 0 : i64}) -> tensor<8xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%b = %a) -> (tensor<8xf64>) {
    %s = tensor.extract_slice %b[0] [%i] [1] : tensor<8xf64> to tensor<?xf64>
    %t = tensor.insert_slice %s into %b[1] [%i] [1] : tensor<?xf64> into tensor<8xf64>
    scf.yield %t : tensor<8xf64>
  }
  func.return %r : tensor<8xf64>
}

// CHECK-LABEL: func.func @bounded(%a: memref<8xf64> {dialectad.inout = 0 : i64}) attributes {dialectad.outs = 0 : i64} {
// CHECK:         %0 = memref.alloc() {alignment = 64 : i64} : memref<24xi8>
// CHECK-NEXT:    scf.for %i = %c0 to %c4 step %c1 {
// CHECK-NEXT:      %1 = arith.constant 0 : index
// CHECK-NEXT:      %2 = memref.view %0[%1][%i] : memref<24xi8> to memref<?xf64>
// CHECK-NEXT:      %3 = memref.subview %a[0] [%i] [1] : memref<8xf64> to memref<?xf64, strided<[1]>>
// CHECK-NEXT:      "memref.copy"(%3, %2) : (memref<?xf64, strided<[1]>>, memref<?xf64>) -> ()
// CHECK-NEXT:      %4 = memref.subview %a[1] [%i] [1] : memref<8xf64> to memref<?xf64, strided<[1], offset: 1>>
// CHECK-NEXT:      "memref.copy"(%2, %4) : (memref<?xf64>, memref<?xf64, strided<[1], offset: 1>>) -> ()
// CHECK-NEXT:    }

// -----

// What a loop carries is written in place.
func.func @for(%a: tensor<4xf64> {dialectad.inout = 0 : i64}, %n: index, %x: f64) -> (tensor<4xf64>, f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r, %s = scf.for %i = %c0 to %n step %c1 iter_args(%b = %a, %y = %x) -> (tensor<4xf64>, f64) {
    %z = tensor.extract %b[%i] : tensor<4xf64>
    %w = arith.mulf %y, %z : f64
    %t = tensor.insert %w into %b[%i] : tensor<4xf64>
    scf.yield %t, %w : tensor<4xf64>, f64
  }
  func.return %r, %s : tensor<4xf64>, f64
}

// CHECK-LABEL: func.func @for(%a: memref<4xf64> {dialectad.inout = 0 : i64}, %n: index, %x: f64, %out1: memref<f64>) attributes {dialectad.outs = 1 : i64} {
// CHECK:         %s = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> (f64) {
// CHECK-NEXT:      %z = memref.load %a[%i] : memref<4xf64>
// CHECK-NEXT:      %w = arith.mulf %y, %z : f64
// CHECK-NEXT:      memref.store %w, %a[%i] : memref<4xf64>
// CHECK-NEXT:      scf.yield %w : f64
// CHECK-NEXT:    }
// CHECK-NEXT:    memref.store %s, %out1[] : memref<f64>

// -----

// Buffers that change places go round as memrefs.
func.func @swap(%a: tensor<4xf64>, %b: tensor<4xf64>, %n: index) -> (tensor<4xf64>, tensor<4xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%p = %a, %q = %b) -> (tensor<4xf64>, tensor<4xf64>) {
    scf.yield %q, %p : tensor<4xf64>, tensor<4xf64>
  }
  func.return %r#0, %r#1 : tensor<4xf64>, tensor<4xf64>
}

// CHECK-LABEL: func.func @swap(%a: memref<4xf64>, %b: memref<4xf64>, %n: index, %out0: memref<4xf64>, %out1: memref<4xf64>) attributes {dialectad.outs = 2 : i64} {
// CHECK:         %0 = memref.alloc() : memref<4xf64>
// CHECK-NEXT:    "memref.copy"(%a, %0) : (memref<4xf64>, memref<4xf64>) -> ()
// CHECK-NEXT:    %1 = memref.alloc() : memref<4xf64>
// CHECK-NEXT:    "memref.copy"(%b, %1) : (memref<4xf64>, memref<4xf64>) -> ()
// CHECK-NEXT:    %2, %3 = scf.for %i = %c0 to %n step %c1 iter_args(%4 = %0, %5 = %1) -> (memref<4xf64>, memref<4xf64>) {
// CHECK-NEXT:      scf.yield %5, %4 : memref<4xf64>, memref<4xf64>
// CHECK-NEXT:    }
// CHECK-NEXT:    "memref.copy"(%2, %out0) : (memref<4xf64>, memref<4xf64>) -> ()
// CHECK-NEXT:    "memref.copy"(%3, %out1) : (memref<4xf64>, memref<4xf64>) -> ()

// -----

func.func @while(%a: tensor<4xf64> {dialectad.inout = 0 : i64}, %x: f64, %i: index) -> tensor<4xf64> {
  %r = scf.while (%b = %a) : (tensor<4xf64>) -> tensor<4xf64> {
    %y = tensor.extract %b[%i] : tensor<4xf64>
    %c = arith.cmpf olt, %y, %x : f64
    scf.condition(%c) %b : tensor<4xf64>
  } do {
  ^bb0(%b: tensor<4xf64>):
    %y = tensor.extract %b[%i] : tensor<4xf64>
    %z = arith.addf %y, %y : f64
    %t = tensor.insert %z into %b[%i] : tensor<4xf64>
    scf.yield %t : tensor<4xf64>
  }
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @while(%a: memref<4xf64> {dialectad.inout = 0 : i64}, %x: f64, %i: index) attributes {dialectad.outs = 0 : i64} {
// CHECK-NEXT:    scf.while () : () -> () {
// CHECK-NEXT:      %y = memref.load %a[%i] : memref<4xf64>
// CHECK-NEXT:      %c = arith.cmpf olt, %y, %x : f64
// CHECK-NEXT:      scf.condition(%c)
// CHECK-NEXT:    } do {
// CHECK-NEXT:      %y_1 = memref.load %a[%i] : memref<4xf64>
// CHECK-NEXT:      %z = arith.addf %y_1, %y_1 : f64
// CHECK-NEXT:      memref.store %z, %a[%i] : memref<4xf64>
// CHECK-NEXT:      scf.yield
// CHECK-NEXT:    }

// -----

// One branch writes, the other does nothing.
func.func @if(%a: tensor<4xf64> {dialectad.inout = 0 : i64}, %c: i1, %x: f64, %i: index) -> tensor<4xf64> {
  %r = scf.if %c -> (tensor<4xf64>) {
    %t = tensor.insert %x into %a[%i] : tensor<4xf64>
    scf.yield %t : tensor<4xf64>
  } else {
    scf.yield %a : tensor<4xf64>
  }
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @if(%a: memref<4xf64> {dialectad.inout = 0 : i64}, %c: i1, %x: f64, %i: index) attributes {dialectad.outs = 0 : i64} {
// CHECK-NEXT:    scf.if %c {
// CHECK-NEXT:      memref.store %x, %a[%i] : memref<4xf64>
// CHECK-NEXT:    } else {
// CHECK-NEXT:    }

// -----

// A value that was computed in its slot is read after the pop: what is popped is copied before it is overwritten.
func.func @slot_read_after_pop(%a: tensor<4xf64>, %x: f64, %i: index) -> (tensor<4xf64>, tensor<4xf64>) {
  %c = "ad.cache"() : () -> !ad.cache<tensor<4xf64>>
  %s = math.sin %a : tensor<4xf64>
  "ad.push"(%c, %s) : (!ad.cache<tensor<4xf64>>, tensor<4xf64>) -> ()
  %p = "ad.pop"(%c) : (!ad.cache<tensor<4xf64>>) -> tensor<4xf64>
  %q = tensor.insert %x into %p[%i] : tensor<4xf64>
  %n = arith.negf %q : tensor<4xf64>
  %r = arith.addf %s, %a : tensor<4xf64>
  func.return %n, %r : tensor<4xf64>, tensor<4xf64>
}

// CHECK-LABEL: func.func @slot_read_after_pop(%a: memref<4xf64>, %x: f64, %i: index, %out0: memref<4xf64>, %out1: memref<4xf64>) attributes {dialectad.outs = 2 : i64} {
// CHECK-NEXT:    %c = "ad.cache"() : () -> !ad.cache<memref<4xf64>>
// CHECK-NEXT:    %0 = "ad.reserve"(%c) : (!ad.cache<memref<4xf64>>) -> memref<4xf64>
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%a : memref<4xf64>) outs(%0 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%1: f64, %2: f64):
// CHECK-NEXT:      %3 = math.sin %1 : f64
// CHECK-NEXT:      linalg.yield %3 : f64
// CHECK-NEXT:    }
// CHECK-NEXT:    %4 = "ad.pop"(%c) : (!ad.cache<memref<4xf64>>) -> memref<4xf64>
// CHECK-NEXT:    "memref.copy"(%4, %out0) : (memref<4xf64>, memref<4xf64>) -> ()
// CHECK-NEXT:    memref.store %x, %out0[%i] : memref<4xf64>
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%out0 : memref<4xf64>) outs(%out0 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%5: f64, %6: f64):
// CHECK-NEXT:      %7 = arith.negf %5 : f64
// CHECK-NEXT:      linalg.yield %7 : f64
// CHECK-NEXT:    }
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%0, %a : memref<4xf64>, memref<4xf64>) outs(%out1 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%8: f64, %9: f64, %10: f64):
// CHECK-NEXT:      %11 = arith.addf %8, %9 : f64
// CHECK-NEXT:      linalg.yield %11 : f64
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }

// -----

// The slot is reserved before the value is computed into it; what is popped may be overwritten.
func.func @caches(%a: tensor<4xf64>, %x: f64, %i: index) -> tensor<4xf64> {
  %c = "ad.cache"() : () -> !ad.cache<tensor<4xf64>>
  %s = math.sin %a : tensor<4xf64>
  "ad.push"(%c, %s) : (!ad.cache<tensor<4xf64>>, tensor<4xf64>) -> ()
  %p = "ad.pop"(%c) : (!ad.cache<tensor<4xf64>>) -> tensor<4xf64>
  %q = tensor.insert %x into %p[%i] : tensor<4xf64>
  %r = arith.addf %q, %q : tensor<4xf64>
  func.return %r : tensor<4xf64>
}

// CHECK-LABEL: func.func @caches(%a: memref<4xf64>, %x: f64, %i: index, %out0: memref<4xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK-NEXT:    %c = "ad.cache"() : () -> !ad.cache<memref<4xf64>>
// CHECK-NEXT:    %0 = "ad.reserve"(%c) : (!ad.cache<memref<4xf64>>) -> memref<4xf64>
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%a : memref<4xf64>) outs(%0 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%1: f64, %2: f64):
// CHECK-NEXT:      %3 = math.sin %1 : f64
// CHECK-NEXT:      linalg.yield %3 : f64
// CHECK-NEXT:    }
// CHECK-NEXT:    %4 = "ad.pop"(%c) : (!ad.cache<memref<4xf64>>) -> memref<4xf64>
// CHECK-NEXT:    memref.store %x, %4[%i] : memref<4xf64>
// CHECK-NEXT:    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%4, %4 : memref<4xf64>, memref<4xf64>) outs(%out0 : memref<4xf64>) {
// CHECK-NEXT:    ^bb0(%5: f64, %6: f64, %7: f64):
// CHECK-NEXT:      %8 = arith.addf %5, %6 : f64
// CHECK-NEXT:      linalg.yield %8 : f64
// CHECK-NEXT:    }

// -----

// The caller knows the extents of a result.
func.func @any_extent(%a: tensor<8xf64>, %n: index) -> tensor<?xf64> {
  %s = tensor.extract_slice %a[0] [%n] [1] : tensor<8xf64> to tensor<?xf64>
  %r = math.sin %s : tensor<?xf64>
  func.return %r : tensor<?xf64>
}

// CHECK-LABEL: func.func @any_extent(%a: memref<8xf64>, %n: index, %out0: memref<?xf64>) attributes {dialectad.outs = 1 : i64} {
// CHECK:         outs(%out0 : memref<?xf64>)

// What is passed on between ways of control flow goes through a cache of elements: pushed in order, popped backwards.
// CHECK-LABEL: func.func @passed(
// CHECK-NEXT:    %c = "ad.cache"() : () -> !ad.cache<f64>
// CHECK-NEXT:    %[[S:.*]] = memref.subview %x[0] [%n] [1]
// CHECK:         scf.for %[[I:.*]] = %
// CHECK-NEXT:      %[[V:.*]] = memref.load %[[S]][%[[I]]]
// CHECK-NEXT:      "ad.push"(%c, %[[V]]) : (!ad.cache<f64>, f64) -> ()
// CHECK-NEXT:    }
// CHECK-NEXT:    %[[P:.*]] = memref.alloc(%n) : memref<?xf64>
// CHECK:         %[[N:.*]] = memref.dim %[[P]]
// CHECK-NEXT:    scf.for %[[J:.*]] = %
// CHECK-NEXT:      %[[LAST:.*]] = arith.subi %[[N]], %{{.*}} : index
// CHECK-NEXT:      %[[K:.*]] = arith.subi %[[LAST]], %[[J]] : index
// CHECK-NEXT:      %[[W:.*]] = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
// CHECK-NEXT:      memref.store %[[W]], %[[P]][%[[K]]]
func.func @passed(%x: tensor<?xf64>, %n: index) -> tensor<?xf64> {
  %c = "ad.cache"() {dialectad.passed} : () -> !ad.cache<tensor<?xf64>>
  %s = tensor.extract_slice %x[0] [%n] [1] : tensor<?xf64> to tensor<?xf64>
  "ad.push"(%c, %s) : (!ad.cache<tensor<?xf64>>, tensor<?xf64>) -> ()
  %p = "ad.pop"(%c, %n) : (!ad.cache<tensor<?xf64>>, index) -> tensor<?xf64>
  func.return %p : tensor<?xf64>
}
