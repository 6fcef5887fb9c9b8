// RUN: dialectad-opt --split-input-file --verify-diagnostics %s

func.func @right(%a: tensor<3x3xf64>, %m: tensor<4x3xf64>, %b: tensor<2x3xf64>, %d: tensor<?x?xf32>) {
  %f = "lapack.getrf"(%m) : (tensor<4x3xf64>) -> tensor<4x3xf64>
  %x = "lapack.getrs"(%a, %f, %b) <{trans}> : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %s = "lapack.logdet"(%a, %f) : (tensor<3x3xf64>, tensor<4x3xf64>) -> f64
  %l = "lapack.potrf"(%d) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %y = "lapack.trtrs"(%l, %d) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  func.return
}

// -----

func.func @no_room_for_exchanges(%m: tensor<3x3xf64>) {
  // expected-error@+1 {{lapack.getrf: shape (4, 3) expected, got (3, 3)}}
  %f = "lapack.getrf"(%m) : (tensor<3x3xf64>) -> tensor<3x3xf64>
  func.return
}

// -----

func.func @sizes(%l: tensor<3x3xf64>, %b: tensor<3x2xf64>) {
  // expected-error@+1 {{lapack.trtrs: shape (3,) expected, got (2,)}}
  %x = "lapack.trtrs"(%l, %b) : (tensor<3x3xf64>, tensor<3x2xf64>) -> tensor<3x2xf64>
  func.return
}

// -----

func.func @not_square(%a: tensor<3x2xf64>) {
  // expected-error@+1 {{lapack.potrf: a square matrix expected, got tensor<3x2xf64>}}
  %l = "lapack.potrf"(%a) : (tensor<3x2xf64>) -> tensor<3x2xf64>
  func.return
}

// -----

func.func @types(%a: tensor<2x2xi64>) {
  // expected-error@+1 {{lapack.potrf: matrices of f32 or of f64 expected}}
  %l = "lapack.potrf"(%a) : (tensor<2x2xi64>) -> tensor<2x2xi64>
  func.return
}

// -----

func.func @decompositions(%a: tensor<4x3xf64>, %s: tensor<3x3xf64>, %d: tensor<?x?xf64>, %e: tensor<4x3xf64>, %u: tensor<8x3xf64>, %w: tensor<8x4xf64>, %q: tensor<7x3xf64>, %p: tensor<3x4xf64>) {
  %0 = "lapack.syevd"(%s, %e) <{upper}> : (tensor<3x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  %1 = "lapack.gesdd"(%a, %u) : (tensor<4x3xf64>, tensor<8x3xf64>) -> tensor<8x3xf64>
  %2 = "lapack.gesdd"(%a, %w) <{full}> : (tensor<4x3xf64>, tensor<8x4xf64>) -> tensor<8x4xf64>
  %3 = "lapack.geqrf"(%a, %q) : (tensor<4x3xf64>, tensor<7x3xf64>) -> tensor<7x3xf64>
  %4 = "lapack.pinv"(%a, %p) : (tensor<4x3xf64>, tensor<3x4xf64>) -> tensor<3x4xf64>
  %5 = "lapack.geqrf"(%d, %d) : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  func.return
}

// -----

func.func @no_room_for_values(%a: tensor<3x3xf64>) {
  // expected-error@+1 {{lapack.syevd: shape (4, 3) expected, got (3, 3)}}
  %e = "lapack.syevd"(%a, %a) : (tensor<3x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
  func.return
}

// -----

func.func @rows_for_columns(%a: tensor<4x3xf64>) {
  // expected-error@+1 {{lapack.pinv: shape (3, 4) expected, got (4, 3)}}
  %p = "lapack.pinv"(%a, %a) : (tensor<4x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  func.return
}

// -----

func.func @complex_matrices(%a: tensor<6x3xf64>, %m: tensor<8x3xf64>, %b: tensor<4x3xf64>, %f: tensor<3x3xf32>, %q: tensor<14x3xf64>, %r: tensor<8x3xf64>) {
  %0 = "lapack.getrf"(%m) <{complex}> : (tensor<8x3xf64>) -> tensor<8x3xf64>
  %1 = "lapack.getrs"(%a, %0, %b) <{complex, trans}> : (tensor<6x3xf64>, tensor<8x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  %2 = "lapack.logdet"(%a, %0) <{complex, imaginary}> : (tensor<6x3xf64>, tensor<8x3xf64>) -> f64
  %3 = "lapack.geev"(%a, %m) <{complex, real, values}> : (tensor<6x3xf64>, tensor<8x3xf64>) -> tensor<8x3xf64>
  %4 = "lapack.geqrf"(%r, %q) <{complex}> : (tensor<8x3xf64>, tensor<14x3xf64>) -> tensor<14x3xf64>
  %5 = "lapack.lu"(%f, %f) : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  func.return
}

// -----

func.func @half_a_row(%a: tensor<3x3xf64>) {
  // expected-error@+1 {{lapack.potrf: real and imaginary parts expected, got tensor<3x3xf64>}}
  %l = "lapack.potrf"(%a) <{complex}> : (tensor<3x3xf64>) -> tensor<3x3xf64>
  func.return
}

// -----

func.func @not_square_if_complex(%a: tensor<4x3xf64>) {
  // expected-error@+1 {{lapack.potrf: a square matrix expected, got tensor<4x3xf64>}}
  %l = "lapack.potrf"(%a) <{complex}> : (tensor<4x3xf64>) -> tensor<4x3xf64>
  func.return
}

// -----

func.func @real_eigenvalues(%a: tensor<3x3xf64>, %e: tensor<4x3xf64>) {
  // expected-error@+1 {{lapack.geev: complex matrices expected}}
  %l = "lapack.geev"(%a, %e) : (tensor<3x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
  func.return
}

// -----

func.func @angle_of_a_real_number(%a: tensor<3x3xf64>, %f: tensor<4x3xf64>) {
  // expected-error@+1 {{lapack.logdet: an imaginary part is that of complex matrices}}
  %l = "lapack.logdet"(%a, %f) <{imaginary}> : (tensor<3x3xf64>, tensor<4x3xf64>) -> f64
  func.return
}
