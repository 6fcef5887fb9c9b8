// RUN: dialectad-opt -p convert-to-llvm %s | filecheck %s

// A call of Python passes where its operands are; a status other than 0 is passed on.
func.func @f(%x: memref<4xf64>, %n: i64) attributes {dialectad.outs = 0 : i64} {
  "host.call"(%x, %n) <{callback = 3 : i64}> {dialectad.outs = 0 : i64} : (memref<4xf64>, i64) -> ()
  func.return
}

// CHECK-LABEL: llvm.func @f(
// CHECK:         %[[PLACES:.*]] = llvm.alloca %{{.*}} x !llvm.array<2 x !llvm.ptr>
// CHECK:         llvm.store %x, %[[PLACES]]
// CHECK:         llvm.store %n, %[[SLOT:.*]] : i64, !llvm.ptr
// CHECK:         llvm.store %[[SLOT]], %{{.*}} : !llvm.ptr, !llvm.ptr
// CHECK-NEXT:    %[[STATUS:.*]] = llvm.call @dialectad.host(%{{.*}}, %[[PLACES]])
// CHECK-NEXT:    llvm.icmp "ne" %[[STATUS]]
