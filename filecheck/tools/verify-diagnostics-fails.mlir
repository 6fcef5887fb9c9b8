// RUN: not dialectad-opt --split-input-file --verify-diagnostics %s 2>&1 | filecheck %s

// CHECK: verify-diagnostics-fails.mlir:4: error: expected error at line 5 was not produced: foo
// expected-error@+1 {{foo}}
func.func @missing() {
  func.return
}

// -----

func.func @unforeseen() -> f64 {
  // CHECK: verify-diagnostics-fails.mlir:13:{{[0-9]+}}: unexpected error: {{.*}}not registered
  %y = arith.nonsense : f64
}

// -----

// CHECK: verify-diagnostics-fails.mlir:22:{{[0-9]+}}: unexpected error: {{.*}}not registered
// CHECK: verify-diagnostics-fails.mlir:21: error: expected error at line 22 was not produced: other text
func.func @different_text() -> f64 {
  // expected-error@+1 {{other text}}
  %y = arith.nonsense : f64
}
