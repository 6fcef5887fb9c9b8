// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @extract_slice(%a: tensor<8x8xf64>, %i: index, %n: index) {
  %0 = tensor.extract_slice %a[%i, 0] [1, %n] [1, 1] : tensor<8x8xf64> to tensor<?xf64>
  %1 = tensor.extract_slice %a[%i, 0] [1, 8] [1, 1] : tensor<8x8xf64> to tensor<8xf64>
  // expected-error@+1 {{a slice of sizes [1, 8] can't have type tensor<4xf64>}}
  %2 = tensor.extract_slice %a[%i, 0] [1, 8] [1, 1] : tensor<8x8xf64> to tensor<4xf64>
  // expected-error@+1 {{a slice of sizes [2, 8] can't have type tensor<8xf64>}}
  %3 = tensor.extract_slice %a[%i, 0] [2, 8] [1, 1] : tensor<8x8xf64> to tensor<8xf64>
  // expected-error@+1 {{the element types of tensor<8x8xf64> and tensor<8xf32> differ}}
  %4 = tensor.extract_slice %a[%i, 0] [1, 8] [1, 1] : tensor<8x8xf64> to tensor<8xf32>
  // expected-error@+1 {{the slice reaches index 9 of axis 1, which has extent 8}}
  %5 = tensor.extract_slice %a[0, 6] [1, 4] [1, 1] : tensor<8x8xf64> to tensor<4xf64>
  // expected-error@+1 {{2 offsets, sizes and strides expected}}
  %6 = tensor.extract_slice %a[0] [4] [1] : tensor<8x8xf64> to tensor<4xf64>
  func.return
}

// -----

func.func @insert_slice(%a: tensor<8x8xf64>, %v: tensor<4xf64>) {
  %0 = tensor.insert_slice %v into %a[0, 2] [1, 4] [1, 1] : tensor<4xf64> into tensor<8x8xf64>
  // expected-error@+1 {{a slice of sizes [1, 5] can't have type tensor<4xf64>}}
  %1 = tensor.insert_slice %v into %a[0, 2] [1, 5] [1, 1] : tensor<4xf64> into tensor<8x8xf64>
  func.return
}

// -----

func.func @subview(%a: memref<8x8xf64>, %i: index) {
  %0 = memref.subview %a[%i, 0] [1, 8] [1, 1] : memref<8x8xf64> to memref<8xf64, strided<[1], offset: ?>>
  %1 = memref.subview %a[2, 0] [3, 8] [2, 1] : memref<8x8xf64> to memref<3x8xf64, strided<[16, 1], offset: 16>>
  // expected-error@+1 {{a layout with offset ? and strides [8, 1] expected}}
  %2 = memref.subview %a[%i, 0] [1, 8] [1, 1] : memref<8x8xf64> to memref<8xf64>
  // expected-error@+1 {{a layout with offset 16 and strides [16, 1] expected}}
  %3 = memref.subview %a[2, 0] [3, 8] [2, 1] : memref<8x8xf64> to memref<3x8xf64, strided<[8, 1], offset: 16>>
  func.return
}

// -----

func.func @fresh(%n: index) {
  // expected-error@+1 {{0 sizes given for the dynamic extents of tensor<?xf64>}}
  %0 = tensor.empty() : tensor<?xf64>
  // expected-error@+1 {{1 sizes given for the dynamic extents of tensor<4xf64>}}
  %1 = tensor.empty(%n) : tensor<4xf64>
  // expected-error@+1 {{does not equal memref dynamic dimension count}}
  %2 = memref.alloc() : memref<?xf64>
  func.return
}

// -----

func.func @indices(%a: tensor<4x4xf64>, %i: index, %x: f64) {
  // expected-error@+1 {{1 indices given for tensor<4x4xf64>}}
  %0 = tensor.extract %a[%i] : tensor<4x4xf64>
  // expected-error@+1 {{1 indices given for tensor<4x4xf64>}}
  %1 = tensor.insert %x into %a[%i] : tensor<4x4xf64>
  func.return
}

// -----

func.func @reshapes(%a: tensor<2x6xf64>, %b: tensor<12xf64>, %u: tensor<1x1xf64>, %s: tensor<f64>) {
  %0 = tensor.collapse_shape %a [[0, 1]] : tensor<2x6xf64> into tensor<12xf64>
  %1 = tensor.expand_shape %b [[0, 1]] output_shape [3, 4] : tensor<12xf64> into tensor<3x4xf64>
  %2 = tensor.collapse_shape %u [] : tensor<1x1xf64> into tensor<f64>
  %3 = tensor.expand_shape %s [] output_shape [1, 1] : tensor<f64> into tensor<1x1xf64>
  // expected-error@+1 {{extents [2, 6] of tensor<2x6xf64> don't make 10}}
  %4 = tensor.collapse_shape %a [[0, 1]] : tensor<2x6xf64> into tensor<10xf64>
  // expected-error@+1 {{the reassociation doesn't fit}}
  %5 = tensor.collapse_shape %a [[0]] : tensor<2x6xf64> into tensor<12xf64>
  // expected-error@+1 {{the element types of tensor<2x6xf64> and tensor<12xf32> differ}}
  %6 = tensor.collapse_shape %a [[0, 1]] : tensor<2x6xf64> into tensor<12xf32>
  // expected-error@+1 {{doesn't have one element}}
  %7 = tensor.collapse_shape %a [] : tensor<2x6xf64> into tensor<f64>
  func.return
}

// -----

func.func @casts(%a: tensor<4xf64>, %m: memref<4xf64>) {
  // expected-error@+1 {{can't cast tensor<4xf64> to tensor<?xf32>}}
  %0 = tensor.cast %a : tensor<4xf64> to tensor<?xf32>
  // expected-error@+1 {{can't cast memref<4xf64> to memref<5xf64>}}
  %1 = "memref.cast"(%m) : (memref<4xf64>) -> memref<5xf64>
  func.return
}

// -----

func.func @globals() {
  // expected-error@+1 {{there is no memref.global @nothing}}
  %0 = memref.get_global @nothing : memref<4xf64>
  func.return
}
