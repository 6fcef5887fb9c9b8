// RUN: dialectad-opt -p inline --verify-diagnostics %s

func.func @recursive(%x: f64) -> f64 {
  // expected-error @+1 {{'recursive' calls itself}}
  %y = func.call @recursive(%x) : (f64) -> f64
  func.return %y : f64
}
