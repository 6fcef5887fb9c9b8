// The square root of x: a while loop with a tolerance, started at x, or at 1 where x < 1.
func.func @f(%x: f64) -> f64 {
  %one = arith.constant 1.0 : f64
  %half = arith.constant 0.5 : f64
  %tolerance = arith.constant 1.0e-12 : f64
  %small = arith.cmpf olt, %x, %one : f64
  %start = scf.if %small -> (f64) {
    scf.yield %one : f64
  } else {
    scf.yield %x : f64
  }
  %root = scf.while (%y = %start) : (f64) -> f64 {
    %y2 = arith.mulf %y, %y : f64
    %d = arith.subf %y2, %x : f64
    %ad = math.absf %d : f64
    %go = arith.cmpf ogt, %ad, %tolerance : f64
    scf.condition(%go) %y : f64
  } do {
  ^bb0(%y: f64):
    %q = arith.divf %x, %y : f64
    %s = arith.addf %y, %q : f64
    %h = arith.mulf %s, %half : f64
    scf.yield %h : f64
  }
  func.return %root : f64
}
