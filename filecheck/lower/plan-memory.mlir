// RUN: dialectad-opt -p plan-memory --split-input-file %s | filecheck %s

// Big buffers that aren't needed at the same time share memory; the small one goes on the stack.
func.func @f(%x: f64, %o: memref<4096xf64>, %i: index) {
  %a = memref.alloc() : memref<4096xf64>
  linalg.fill ins(%x : f64) outs(%a : memref<4096xf64>)
  "memref.copy"(%a, %o) : (memref<4096xf64>, memref<4096xf64>) -> ()
  %b = memref.alloc() : memref<64x64xf64>
  %c = memref.alloc() : memref<8192xf32>
  %s = memref.alloc() : memref<8xf64>
  memref.store %x, %b[%i, %i] : memref<64x64xf64>
  memref.store %x, %s[%i] : memref<8xf64>
  %y = arith.truncf %x : f64 to f32
  memref.store %y, %c[%i] : memref<8192xf32>
  %z = memref.load %b[%i, %i] : memref<64x64xf64>
  memref.store %z, %s[%i] : memref<8xf64>
  memref.dealloc %s : memref<8xf64>
  memref.dealloc %c : memref<8192xf32>
  memref.dealloc %b : memref<64x64xf64>
  memref.dealloc %a : memref<4096xf64>
  func.return
}

// CHECK-LABEL: func.func @f(%x: f64, %o: memref<4096xf64>, %i: index) {
// CHECK-NEXT:    %0 = memref.alloc() {alignment = 64 : i64, dialectad.arena} : memref<66432xi8>
// CHECK-NEXT:    %1 = arith.constant 33216 : index
// CHECK-NEXT:    %2 = arith.constant 0 : index
// CHECK-NEXT:    %a = memref.view %0[%2][] : memref<66432xi8> to memref<4096xf64>
// CHECK-NEXT:    %b = memref.view %0[%2][] : memref<66432xi8> to memref<64x64xf64>
// CHECK-NEXT:    %c = memref.view %0[%1][] : memref<66432xi8> to memref<8192xf32>
// CHECK-NEXT:    %s = memref.alloca() : memref<8xf64>
// CHECK-NEXT:    linalg.fill ins(%x : f64) outs(%a : memref<4096xf64>)
// CHECK-NEXT:    "memref.copy"(%a, %o) : (memref<4096xf64>, memref<4096xf64>) -> ()
// CHECK-NEXT:    memref.store %x, %b[%i, %i] : memref<64x64xf64>
// CHECK-NEXT:    memref.store %x, %s[%i] : memref<8xf64>
// CHECK-NEXT:    %y = arith.truncf %x : f64 to f32
// CHECK-NEXT:    memref.store %y, %c[%i] : memref<8192xf32>
// CHECK-NEXT:    %z = memref.load %b[%i, %i] : memref<64x64xf64>
// CHECK-NEXT:    memref.store %z, %s[%i] : memref<8xf64>

// -----

// What is of dynamic size stays where it is.
func.func @dynamic(%n: index, %x: f64) {
  %a = memref.alloc(%n) : memref<?xf64>
  linalg.fill ins(%x : f64) outs(%a : memref<?xf64>)
  memref.dealloc %a : memref<?xf64>
  func.return
}

// CHECK-LABEL: func.func @dynamic(%n: index, %x: f64) {
// CHECK-NEXT:    %a = memref.alloc(%n) : memref<?xf64>
// CHECK-NEXT:    linalg.fill ins(%x : f64) outs(%a : memref<?xf64>)
// CHECK-NEXT:    memref.dealloc %a : memref<?xf64>

// -----

// A function that calls itself has little on the stack, as its frames may be many.
func.func private @recursive(%x: memref<f64>, %i: index) {
  %a = memref.alloc() : memref<512xf64>
  %b = memref.alloc() : memref<f64>
  %v = memref.load %x[] : memref<f64>
  memref.store %v, %a[%i] : memref<512xf64>
  func.call @recursive(%b, %i) : (memref<f64>, index) -> ()
  %w = memref.load %a[%i] : memref<512xf64>
  memref.store %w, %x[] : memref<f64>
  func.return
}

// CHECK-LABEL: func.func private @recursive(
// CHECK-NEXT:    %[[ARENA:.*]] = memref.alloc() {alignment = 64 : i64, dialectad.arena}
// CHECK:         %a = memref.view %[[ARENA]]
// CHECK:         %b = memref.alloca() : memref<f64>
