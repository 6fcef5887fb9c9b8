// RUN: dialectad-opt -p convert-linalg-to-loops --split-input-file %s | filecheck %s

#id = affine_map<(i, j) -> (i, j)>
func.func @collapse(%a: memref<3x4xf64>, %o: memref<3x4xf64>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<3x4xf64>) outs(%o : memref<3x4xf64>) {
  ^bb0(%x: f64, %old: f64):
    %y = math.exp %x : f64
    linalg.yield %y : f64
  }
  func.return
}

// CHECK-LABEL: func.func @collapse
// CHECK-DAG:     %[[A:.*]] = memref.collapse_shape %a
// CHECK-DAG:     %[[O:.*]] = memref.collapse_shape %o
// CHECK:         scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK-NEXT:      %x = memref.load %[[A]][%[[I]]] : memref<12xf64>
// CHECK-NEXT:      %y = math.exp %x : f64
// CHECK-NEXT:      memref.store %y, %[[O]][%[[I]]] : memref<12xf64>
// CHECK-NEXT:    }

// -----

// The accumulator is in a register over the reduction, and starts from what was filled in.
func.func @rows(%a: memref<3x4xf64>, %o: memref<3xf64>) {
  %zero = arith.constant 0.0 : f64
  linalg.fill ins(%zero : f64) outs(%o : memref<3xf64>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%a : memref<3x4xf64>) outs(%o : memref<3xf64>) {
  ^bb0(%x: f64, %s: f64):
    %y = arith.addf %x, %s : f64
    linalg.yield %y : f64
  }
  func.return
}

// CHECK-LABEL: func.func @rows
// CHECK:         scf.for %[[I:.*]] =
// CHECK-NEXT:      %[[R:.*]] = scf.for %[[J:.*]] = {{.*}} iter_args(%s = %zero) -> (f64) {
// CHECK-NEXT:        %x = memref.load %a[%[[I]], %[[J]]]
// CHECK-NEXT:        %y = arith.addf %x, %s : f64
// CHECK-NEXT:        scf.yield %y : f64
// CHECK-NEXT:      }
// CHECK-NEXT:      memref.store %[[R]], %o[%[[I]]]

// -----

// Down the columns it goes row by row, through memory.
func.func @columns(%a: memref<3x4xf64>, %o: memref<4xf64>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%a : memref<3x4xf64>) outs(%o : memref<4xf64>) {
  ^bb0(%x: f64, %s: f64):
    %y = arith.addf %x, %s : f64
    linalg.yield %y : f64
  }
  func.return
}

// CHECK-LABEL: func.func @columns
// CHECK:         scf.for %[[J:.*]] =
// CHECK-NEXT:      scf.for %[[I:.*]] =
// CHECK-NEXT:        memref.load %a[%[[J]], %[[I]]]
// CHECK-NEXT:        memref.load %o[%[[I]]]
// CHECK-NEXT:        arith.addf
// CHECK-NEXT:        memref.store %{{.*}}, %o[%[[I]]]

// -----

// What a loop doesn't change is read outside it.
func.func @outer(%a: memref<3xf64>, %b: memref<4xf64>, %o: memref<3x4xf64>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a, %b : memref<3xf64>, memref<4xf64>) outs(%o : memref<3x4xf64>) {
  ^bb0(%x: f64, %y: f64, %old: f64):
    %z = arith.mulf %x, %y : f64
    linalg.yield %z : f64
  }
  func.return
}

// CHECK-LABEL: func.func @outer
// CHECK:         scf.for %[[I:.*]] =
// CHECK-NEXT:      memref.load %a[%[[I]]]
// CHECK-NEXT:      scf.for %[[J:.*]] =
// CHECK-NEXT:        memref.load %b[%[[J]]]

// -----

func.func @index_expressions(%a: memref<4xf64>, %o: memref<4xf64>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (-i + 3)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a : memref<4xf64>) outs(%o : memref<4xf64>) {
  ^bb0(%x: f64, %old: f64):
    linalg.yield %x : f64
  }
  func.return
}

// CHECK-LABEL: func.func @index_expressions
// CHECK:         scf.for %[[I:.*]] =
// CHECK-NEXT:      %[[N:.*]] = arith.muli %[[I]], %{{.*}}
// CHECK-NEXT:      %[[K:.*]] = arith.addi %[[N]], %{{.*}}
// CHECK-NEXT:      memref.load %a[%[[K]]]

// -----

func.func @copy(%a: memref<4xf64>, %b: memref<4xf64, strided<[2]>>) {
  "memref.copy"(%a, %a) : (memref<4xf64>, memref<4xf64>) -> ()
  "memref.copy"(%a, %b) : (memref<4xf64>, memref<4xf64, strided<[2]>>) -> ()
  func.return
}

// CHECK-LABEL: func.func @copy
// CHECK:         "memref.copy"(%a, %a)
// CHECK-NEXT:    scf.for
// CHECK-NOT:     "memref.copy"
