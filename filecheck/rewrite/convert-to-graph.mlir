// RUN: dialectad-opt -p convert-to-graph --split-input-file %s | filecheck %s

// Loops are unrolled, both ways of a branch computed.
// CHECK-LABEL: func.func private @loop_and_branch.graph
// CHECK-NOT:     scf
// CHECK:         [[b:%.*]] = arith.mulf [[x:%.*]], [[x]] : f64
// CHECK-NEXT:    [[b2:%.*]] = arith.mulf [[b]], [[x]] : f64
// CHECK-NEXT:    [[r:%.*]] = arith.select {{.*}}, [[b2]], [[x]] : f64
// CHECK-NEXT:    func.return [[r]]
func.func private @loop_and_branch(%x: f64, %c: i1) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %r = scf.for %i = %c0 to %c2 step %c1 iter_args(%a = %x) -> (f64) {
    %b = arith.mulf %a, %x : f64
    scf.yield %b : f64
  }
  %s = scf.if %c -> (f64) {
    scf.yield %r : f64
  } else {
    scf.yield %x : f64
  }
  func.return %s : f64
}

// CHECK-LABEL: func.func @gradient
// CHECK:         "ad.vjp"{{.*}}callee = @loop_and_branch.graph
func.func @gradient(%x: f64, %c: i1, %dy: f64) -> (f64, f64) {
  %y, %dx = "ad.vjp"(%x, %c, %dy) <{callee = @loop_and_branch, active = array<i64: 0>, seeds = array<i64: 0>, level = "graph"}> : (f64, i1, f64) -> (f64, f64)
  func.return %y, %dx : f64, f64
}

// -----

// The bounds of the inner loop are constants once the outer one is unrolled, and so is the condition of the
// `while`; a request of another level keeps the function as it is.
// CHECK-LABEL: func.func private @triangle(
// CHECK:         scf.for
// CHECK:         scf.while
// CHECK-LABEL: func.func private @triangle.graph
// CHECK-NOT:     scf
// CHECK-COUNT-3: arith.addf
// CHECK-NOT:     arith.addf
// CHECK:         math.exp
// CHECK-NEXT:    math.exp
// CHECK-NEXT:    func.return
func.func private @triangle(%x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x) -> (f64) {
    %s = scf.for %j = %c0 to %i step %c1 iter_args(%b = %a) -> (f64) {
      %t = arith.addf %b, %x : f64
      scf.yield %t : f64
    }
    scf.yield %s : f64
  }
  %k, %w = scf.while (%i = %c0, %a = %r) : (index, f64) -> (index, f64) {
    %go = arith.cmpi slt, %i, %c2 : index
    scf.condition(%go) %i, %a : index, f64
  } do {
  ^bb0(%i: index, %a: f64):
    %e = math.exp %a : f64
    %n = arith.addi %i, %c1 : index
    scf.yield %n, %e : index, f64
  }
  func.return %w : f64
}

func.func @tangents(%x: f64, %tx: f64) -> (f64, f64, f64, f64) {
  %y, %ty = "ad.jvp"(%x, %tx) <{callee = @triangle, active = array<i64: 0>, level = "graph"}> : (f64, f64) -> (f64, f64)
  %z, %tz = "ad.jvp"(%x, %tx) <{callee = @triangle, active = array<i64: 0>, level = "linalg"}> : (f64, f64) -> (f64, f64)
  func.return %y, %ty, %z, %tz : f64, f64, f64, f64
}

// -----

// A branch that isn't taken divides by one, reads the first element, and asserts nothing.
// CHECK-LABEL: func.func private @guarded.graph
// CHECK:         [[zero:%.*]] = arith.constant 0 : index
// CHECK:         [[not:%.*]] = arith.xori [[c:%.*]], %{{.*}} : i1
// CHECK-NEXT:    [[ok:%.*]] = arith.ori [[not]], {{.*}} : i1
// CHECK-NEXT:    cf.assert [[ok]], "IndexError: no"
// CHECK-NEXT:    [[i:%.*]] = arith.select [[c]], {{.*}}, [[zero]] : index
// CHECK-NEXT:    tensor.extract {{.*}}{{\[}}[[i]]]
// CHECK-NEXT:    [[n:%.*]] = arith.select [[c]], {{.*}} : i64
// CHECK-NEXT:    arith.divsi {{.*}}, [[n]]
func.func private @guarded(%t: tensor<4xf64>, %i: index, %n: i64, %c: i1, %ok: i1) -> f64 {
  %seven = arith.constant 7 : i64
  %r = scf.if %c -> (f64) {
    cf.assert %ok, "IndexError: no"
    %e = tensor.extract %t[%i] : tensor<4xf64>
    %q = arith.divsi %seven, %n : i64
    %f = arith.sitofp %q : i64 to f64
    %p = arith.mulf %e, %f : f64
    scf.yield %p : f64
  } else {
    %zero = arith.constant 0.0 : f64
    scf.yield %zero : f64
  }
  func.return %r : f64
}

func.func @guards(%t: tensor<4xf64>, %i: index, %n: i64, %c: i1, %ok: i1, %tt: tensor<4xf64>) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%t, %i, %n, %c, %ok, %tt) <{callee = @guarded, active = array<i64: 0>, level = "graph"}> : (tensor<4xf64>, index, i64, i1, i1, tensor<4xf64>) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// -----

// A derivative in a branch is told whether the branch is taken.
// CHECK-LABEL: func.func private @inner.graph
// CHECK:         cf.assert
// CHECK-LABEL: func.func private @outer.graph
// CHECK:         "ad.jvp"(%{{.*}}, %{{.*}}, [[c:%.*]], %{{.*}}) <{callee = @inner.graph
// CHECK-NEXT:    arith.select [[c]]
func.func private @inner(%x: f64, %ok: i1) -> f64 {
  cf.assert %ok, "ValueError: no"
  %y = arith.mulf %x, %x : f64
  func.return %y : f64
}

func.func private @outer(%x: f64, %c: i1, %ok: i1) -> f64 {
  %r = scf.if %c -> (f64) {
    %y, %ty = "ad.jvp"(%x, %ok, %x) <{callee = @inner, active = array<i64: 0>, level = "graph"}> : (f64, i1, f64) -> (f64, f64)
    scf.yield %ty : f64
  } else {
    scf.yield %x : f64
  }
  func.return %r : f64
}

func.func @second_order(%x: f64, %c: i1, %ok: i1, %tx: f64) -> (f64, f64) {
  %y, %ty = "ad.jvp"(%x, %c, %ok, %tx) <{callee = @outer, active = array<i64: 0>, level = "graph"}> : (f64, i1, i1, f64) -> (f64, f64)
  func.return %y, %ty : f64, f64
}

// -----

// A call of Python that raises an exception in a branch does so where the branch is taken.
// CHECK-LABEL: func.func private @checked.graph
// CHECK:         %[[POSITIVE:.*]] = arith.cmpf ogt, %x, %{{.*}} : f64
// CHECK:         %[[LARGE:.*]] = arith.cmpf ogt, %x, %{{.*}} : f64
// CHECK-NEXT:    %[[FIRST:.*]] = arith.andi %[[POSITIVE]], %[[LARGE]] : i1
// CHECK-NEXT:    "host.call"(%[[FIRST]], %x) <{callback = 7 : i64, raises}>
// CHECK:         %[[NOT:.*]] = arith.xori %[[POSITIVE]], %{{.*}} : i1
// CHECK:         %[[SMALL:.*]] = arith.cmpf olt, %x, %{{.*}} : f64
// CHECK-NEXT:    %[[SECOND:.*]] = arith.andi %[[NOT]], %[[SMALL]] : i1
// CHECK-NEXT:    "host.call"(%[[SECOND]], %x) <{callback = 8 : i64, raises}>
func.func private @checked(%x: f64) -> f64 {
  %zero = arith.constant 0.0 : f64
  %positive = arith.cmpf ogt, %x, %zero : f64
  %y = scf.if %positive -> (f64) {
    %one = arith.constant 1.0 : f64
    %large = arith.cmpf ogt, %x, %one : f64
    "host.call"(%large, %x) <{callback = 7 : i64, raises}> : (i1, f64) -> ()
    %s = math.sin %x : f64
    scf.yield %s : f64
  } else {
    %minus = arith.constant -1.0 : f64
    %small = arith.cmpf olt, %x, %minus : f64
    "host.call"(%small, %x) <{callback = 8 : i64, raises}> : (i1, f64) -> ()
    scf.yield %x : f64
  }
  func.return %y : f64
}
func.func @gradient(%x: f64, %dy: f64) -> f64 {
  %y, %dx = "ad.vjp"(%x, %dy) <{callee = @checked, active = array<i64: 0>, seeds = array<i64: 0>, level = "graph"}> : (f64, f64) -> (f64, f64)
  func.return %dx : f64
}
