// RUN: dialectad-opt -p mark-parallel --split-input-file %s | filecheck %s

// Rows %i and %k may be one, but no iteration depends on another.
func.func @rows(%a: memref<64x64xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c1 {
    scf.for %k = %c0 to %c64 step %c1 {
      scf.for %j = %c0 to %c64 step %c1 {
        %x = memref.load %a[%k, %j] : memref<64x64xf64>
        memref.store %x, %a[%i, %j] : memref<64x64xf64>
      }
    }
  }
  func.return
}

// CHECK-LABEL: func.func @rows(
// CHECK:               memref.load %a[%k, %j] {dialectad.parallel = "loop 0"}
// CHECK:               memref.store %{{.*}}, %a[%i, %j] {dialectad.parallel = "loop 0"}
// CHECK-NEXT:        } {dialectad.parallel = "loop 0"}

// -----

// An element further on is read.
func.func @shifted(%a: memref<64xf64>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %j = %c0 to %n step %c1 {
    %i = arith.addi %j, %c1 : index
    %x = memref.load %a[%i] : memref<64xf64>
    memref.store %x, %a[%j] : memref<64xf64>
  }
  func.return
}

// CHECK-LABEL: func.func @shifted(
// CHECK-NOT:       dialectad.parallel
