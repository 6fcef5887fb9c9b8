// RUN: dialectad-opt -p differentiate,inline,canonicalize,cse,dce %s | filecheck %s
// RUN: dialectad-opt -p differentiate,inline,bufferize,differentiate{level=loop},inline,canonicalize,cse,dce %s | filecheck --check-prefix=LOOP %s
// RUN: dialectad-opt %s -p differentiate,inline,bufferize,differentiate{level=loop},inline,plan-memory,convert-linalg-to-loops,convert-scf-to-cf,convert-to-llvm,optimize-llvm,lift-cf-to-scf{differentiated=true},differentiate{level=llvm},convert-scf-to-cf,convert-to-llvm --run all --args 1.5 5 | filecheck --check-prefix=VALUES %s

// x**n: the derivative of the call is a call of the derivative.

func.func private @power(%x: f64, %n: i64) -> f64 {
  %zero = arith.constant 0 : i64
  %ends = arith.cmpi eq, %n, %zero : i64
  %r = scf.if %ends -> (f64) {
    %one = arith.constant 1.0 : f64
    scf.yield %one : f64
  } else {
    %less = arith.constant -1 : i64
    %m = arith.addi %n, %less : i64
    %p = func.call @power(%x, %m) : (f64, i64) -> f64
    %y = arith.mulf %x, %p : f64
    scf.yield %y : f64
  }
  func.return %r : f64
}

func.func @all(%x: f64, %n: i64) -> (f64, f64, f64, f64, f64, f64) {
  %one = arith.constant 1.0 : f64
  %y_linalg, %dx_linalg = "ad.vjp"(%x, %n, %one) <{callee = @power, active = array<i64: 0>, seeds = array<i64: 0>, level = "linalg"}> : (f64, i64, f64) -> (f64, f64)
  %z_linalg, %tz_linalg = "ad.jvp"(%x, %n, %one) <{callee = @power, active = array<i64: 0>, level = "linalg"}> : (f64, i64, f64) -> (f64, f64)
  %y_loop, %dx_loop = "ad.vjp"(%x, %n, %one) <{callee = @power, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}> : (f64, i64, f64) -> (f64, f64)
  %z_loop, %tz_loop = "ad.jvp"(%x, %n, %one) <{callee = @power, active = array<i64: 0>, level = "loop"}> : (f64, i64, f64) -> (f64, f64)
  %y_llvm, %dx_llvm = "ad.vjp"(%x, %n, %one) <{callee = @power, active = array<i64: 0>, seeds = array<i64: 0>, level = "llvm"}> : (f64, i64, f64) -> (f64, f64)
  %z_llvm, %tz_llvm = "ad.jvp"(%x, %n, %one) <{callee = @power, active = array<i64: 0>, level = "llvm"}> : (f64, i64, f64) -> (f64, f64)
  func.return %dx_linalg, %tz_linalg, %dx_loop, %tz_loop, %dx_llvm, %tz_llvm : f64, f64, f64, f64, f64, f64
}

// CHECK-LABEL: func.func private @power(
// CHECK-LABEL: func.func private @power.jvp_0(%x: f64, %n: i64, %tx: f64) -> (f64, f64)
// CHECK:         func.call @power.jvp_0(%x, %{{.*}}, %tx)
// CHECK-NOT:     func.call
// CHECK-LABEL: func.func private @power.vjp_0_of_0(%x: f64, %n: i64, %dr: f64) -> (f64, f64)
// CHECK:         %[[P:.*]] = func.call @power(
// CHECK-NEXT:    "ad.push"(%[[C:.*]], %[[P]])
// CHECK:         %[[K:.*]] = "ad.pop"(%[[C]])
// CHECK:         %[[DX:.*]] = arith.mulf %dr, %[[K]]
// CHECK:         %[[DP:.*]] = arith.mulf %dr, %x
// CHECK:         %{{.*}}, %[[MORE:.*]] = func.call @power.vjp_0_of_0(%x, %{{.*}}, %[[DP]])
// CHECK:         arith.addf %[[DX]], %[[MORE]]

// LOOP-LABEL: func.func private @power.vjp_0_of_0_(%x: f64, %n: i64, %out0: memref<f64>, %{{.*}}: memref<f64>, %{{.*}}: memref<f64>)
// LOOP:         func.call @power(%x, %{{.*}}, %{{.*}})
// LOOP:         func.call @power.vjp_0_of_0_(%x, %{{.*}})

// VALUES: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
