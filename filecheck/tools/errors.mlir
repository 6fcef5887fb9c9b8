// RUN: not dialectad-opt -p canonicalise %s 2>&1 | filecheck --check-prefix=NAME %s
// RUN: not dialectad-opt -p "cse{" %s 2>&1 | filecheck --check-prefix=PIPELINE %s
// RUN: not dialectad-opt %s.absent 2>&1 | filecheck --check-prefix=FILE %s
// RUN: not dialectad-opt %s 2>&1 | filecheck --check-prefix=TEXT %s

// NAME: there is no pass 'canonicalise'
// NAME-NEXT: hint: did you mean 'canonicalize'?
// PIPELINE: can't read the pipeline 'cse{'
// FILE: No such file or directory
// TEXT: errors.mlir:13:{{[0-9]+}}: error: {{.*}} (parse)
// TEXT-NEXT: func.func @f(%x: f64 %y: f64) {
// TEXT-NOT: Traceback
func.func @f(%x: f64 %y: f64) {
}
