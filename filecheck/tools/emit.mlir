// RUN: dialectad-opt %s -p "" --emit llvm-ir | filecheck --check-prefix=IR %s
// RUN: dialectad-opt %s -p "" --emit asm | filecheck --check-prefix=ASM %s

// IR: define double @twice(double %{{.*}})
// IR: fadd double
// ASM: twice:
// ASM: ret
llvm.func @twice(%x: f64) -> f64 {
  %y = llvm.fadd %x, %x : f64
  llvm.return %y : f64
}
