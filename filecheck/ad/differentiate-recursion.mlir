// RUN: dialectad-opt -p differentiate,inline,canonicalize,cse,dce %s | filecheck %s
// RUN: dialectad-opt -p differentiate,inline,bufferize,differentiate{level=loop},inline,canonicalize,cse,dce %s | filecheck --check-prefix=LOOP %s
// RUN: dialectad-opt %s -p differentiate,inline,bufferize,differentiate{level=loop},inline,plan-memory,convert-linalg-to-loops,convert-scf-to-cf,convert-to-llvm,optimize-llvm,lift-cf-to-scf{differentiated=true},differentiate{level=llvm},convert-scf-to-cf,convert-to-llvm --run all --args 1.5 5 | filecheck --check-prefix=VALUES %s

// x**n: the derivative of the call is two calls, one in each sweep.

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
// The first half leaves on the tape what the second takes from it, after what the call in it has left.
// CHECK-LABEL: func.func private @power.pullback_0_of_0(%tape: !ad.cache<none>, %x: f64, %n: i64, %dr: f64) -> f64
// CHECK-NEXT:    %[[ENDS:.*]] = "ad.pop"(%tape) : (!ad.cache<none>) -> i1
// CHECK-NEXT:    %[[C:.*]] = "ad.pop"(%tape) : (!ad.cache<none>) -> !ad.cache<f64>
// CHECK-NEXT:    scf.if %[[ENDS]]
// CHECK:           %[[K:.*]] = "ad.pop"(%[[C]])
// CHECK:           %[[DX:.*]] = arith.mulf %dr, %[[K]]
// CHECK:           %[[DP:.*]] = arith.mulf %dr, %x
// CHECK:           %[[MORE:.*]] = func.call @power.pullback_0_of_0(%tape, %x, %{{.*}}, %[[DP]])
// CHECK:           arith.addf %[[DX]], %[[MORE]]
// CHECK-LABEL: func.func private @power.augmented_0_of_0(%tape: !ad.cache<none>, %x: f64, %n: i64) -> f64
// CHECK-NOT:     func.call @power(
// CHECK:           %[[P:.*]] = func.call @power.augmented_0_of_0(%tape, %x, %{{.*}})
// CHECK-NEXT:      "ad.push"(%[[D:.*]], %[[P]])
// CHECK:         "ad.push"(%tape, %[[D]])
// CHECK-NEXT:    "ad.push"(%tape, %ends)
// CHECK-NEXT:    func.return

// LOOP-LABEL: func.func private @power.pullback_0_of_0_(%tape: !ad.cache<none>, %x: f64, %n: i64, %out0: memref<f64>, %{{.*}}: memref<f64>, %{{.*}}: memref<f64>)
// LOOP:         func.call @power.pullback_0_of_0_(%tape, %x, %{{.*}})
// LOOP-LABEL: func.func private @power.augmented_0_of_0_(%tape: !ad.cache<none>, %x: f64, %n: i64, %out0: memref<f64>)
// LOOP:         func.call @power.augmented_0_of_0_(%tape, %x, %{{.*}})

// VALUES: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
// VALUES-NEXT: f64: 25.3125
