// RUN: dialectad-opt %s | filecheck %s
// RUN: dialectad-opt --print-debuginfo %s | filecheck --check-prefix=LOC %s
// RUN: cat %s | dialectad-opt - | filecheck %s

// CHECK-LABEL: func.func @double(%x: f64) -> f64 {
// CHECK-NEXT:    %y = arith.addf %x, %x : f64
// CHECK-NEXT:    func.return %y : f64
// LOC: arith.addf %x, %x : f64 loc("{{.*}}parse-print.mlir":10:3)
func.func @double(%x: f64) -> f64 {
  %y = arith.addf %x, %x : f64
  func.return %y : f64
}
