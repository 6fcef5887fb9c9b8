; RUN: dialectad-opt %s --rung llvm | filecheck %s

%pair = type { i32, double }

@greeting = private unnamed_addr constant [6 x i8] c"hello\00", align 1
@table = internal constant [3 x double] [double 1.0, double -0.0, double 2.5], align 16
@start = global %pair { i32 7, double 0.5 }
@names = internal constant [2 x ptr] [ptr @greeting, ptr getelementptr (i8, ptr @greeting, i64 2)]
@elsewhere = external global i64

; CHECK-LABEL: builtin.module
; CHECK: llvm.mlir.global private unnamed_addr constant @greeting("hello\00")
; CHECK-SAME: alignment = 1 : i64
; CHECK: llvm.mlir.global internal constant @table(dense<[1.000000e+00, -0.000000e+00, 2.500000e+00]> : tensor<3xf64>)
; CHECK: llvm.mlir.global external @start() {{.*}} !llvm.struct<(i32, f64)> {
; CHECK: llvm.insertvalue
; CHECK: llvm.mlir.global internal constant @names()
; CHECK: llvm.mlir.addressof @greeting
; CHECK: llvm.getelementptr %{{.*}}[2]
; CHECK: llvm.mlir.global external @elsewhere()

; phis are block arguments
define i64 @sum(i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %s = phi i64 [ 0, %entry ], [ %t, %loop ]
  %t = add nuw nsw i64 %s, %i
  %next = add nsw i64 %i, 1
  %done = icmp sge i64 %next, %n
  br i1 %done, label %exit, label %loop, !prof !0, !llvm.loop !1
exit:
  ret i64 %t
}
; CHECK: llvm.func @sum(%n: i64) -> i64 {
; CHECK: llvm.br ^[[loop:.*]](%[[zero:.*]], %[[zero]] : i64, i64)
; CHECK: ^[[loop]](%i: i64, %s: i64):
; CHECK: %t = llvm.add %s, %i overflow<nsw,nuw> : i64
; CHECK: %next = llvm.add %i, %{{.*}} overflow<nsw> : i64
; CHECK: %done = llvm.icmp "sge" %next, %n : i64
; CHECK: llvm.cond_br %done, ^[[exit:.*]], ^[[loop]](%next, %t : i64, i64)
; CHECK-SAME: branch_weights = array<i32: 1, 99>, dialectad.unroll, dialectad.loop = {{\[\["}}llvm.loop.mustprogress"]]}
; CHECK: ^[[exit]]:
; CHECK: llvm.return %t

; arguments keep what is known about them
define void @scale(ptr noalias nocapture noundef align 8 dereferenceable(16) %p, ptr readonly captures(none) %q) #0 {
  %x = load double, ptr %q, align 8, !alias.scope !3, !noalias !5, !tbaa !6
  %y = fmul reassoc contract double %x, 2.0
  store double %y, ptr %p, align 8, !alias.scope !5, !noalias !3
  ret void
}
; CHECK: llvm.func @scale
; CHECK-SAME: llvm.noalias, llvm.nocapture, llvm.noundef, llvm.align = 8 : i64, llvm.dereferenceable = 16 : i64
; CHECK-SAME: llvm.readonly, llvm.nocapture
; CHECK-SAME: passthrough = ["nounwind", ["memory", "argmem: readwrite"], ["target-cpu", "x86-64"]]
; CHECK: llvm.load %q {dialectad.alias_scopes = ["q"], dialectad.noalias_scopes = ["p"],
; CHECK-SAME: dialectad.tbaa = {{\[\["}}double", ["root"], 0 : i64], ["double", ["root"], 0 : i64], 0 : i64]
; CHECK: llvm.fmul %x, %{{.*}} {fastmathFlags = #llvm.fastmath<reassoc,contract>}
; CHECK: llvm.store %y, %p {dialectad.alias_scopes = ["p"], dialectad.noalias_scopes = ["q"]

define double @calls(double %x, ptr %f) {
  %a = tail call contract double @sin(double %x) #1
  %b = call double @llvm.fabs.f64(double %a)
  %c = call double @llvm.maximum.f64(double %b, double 0.0)
  %d = call double %f(double %c)
  call void @llvm.memset.p0.i64(ptr %f, i8 0, i64 8, i1 false)
  ret double %d
}
; CHECK: llvm.call tail @sin(%{{.*}}) {fastmathFlags = #llvm.fastmath<contract>} : (f64) -> f64
; CHECK: llvm.intr.fabs(%a)
; CHECK: llvm.call_intrinsic "llvm.maximum"(%b, %{{.*}})
; CHECK: llvm.call %f(%c) : !llvm.ptr, (f64) -> f64
; CHECK: "llvm.intr.memset"(%f, %{{.*}}, %{{.*}}) <{isVolatile = false}>

define i32 @choose(i32 %i) {
  switch i32 %i, label %other [
    i32 0, label %one
    i32 -5, label %other
  ], !prof !8
one:
  br label %other
other:
  %r = phi i32 [ 10, %0 ], [ 10, %0 ], [ 1, %one ]
  ret i32 %r
}
; CHECK: llvm.switch %{{.*}} : i32, ^[[other:.*]](%[[ten:.*]] : i32) [
; CHECK-NEXT: 0: ^[[one:.*]],
; CHECK-NEXT: -5: ^[[other]](%[[ten]] : i32)

declare double @sin(double)
; CHECK: llvm.func @sin(f64) -> f64

attributes #0 = { nounwind memory(argmem: readwrite) "target-cpu"="x86-64" }
attributes #1 = { nounwind willreturn memory(none) }

!0 = !{!"branch_weights", i32 1, i32 99}
!1 = distinct !{!1, !2, !9}
!2 = !{!"llvm.loop.mustprogress"}
!3 = !{!4}
!4 = distinct !{!4, !10, !"q"}
!5 = !{!11}
!6 = !{!7, !7, i64 0}
!7 = !{!"double", !12, i64 0}
!8 = !{!"branch_weights", i32 1, i32 2, i32 3}
!9 = !{!"llvm.loop.unroll.full"}
!10 = distinct !{!10, !"scale"}
!11 = distinct !{!11, !10, !"p"}
!12 = !{!"root"}
