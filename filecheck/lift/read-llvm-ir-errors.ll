; RUN: dialectad-opt %s --split-input-file --verify-diagnostics

define i32 @f(i32 %x) {
  %y = add i32 %x, %nowhere ; // expected-error {{there is no value %nowhere}}
  ret i32 %y
}

; -----

define i32 @f(i32 %x) {
  %y = add i64 %x, 1 ; // expected-error {{%x is of type i32, i64 expected}}
  ret i32 %y
}

; -----

define i32 @f(i32 %x) {
  br label %out ; // expected-error {{there is no block %out}}
}

; -----

define double @f(x86_fp80 %x) { ; // expected-error {{type `x86_fp80` is not supported}}
  ret double 0.0
}

; -----

define void @f(ptr %p) {
  fence acquire ; // expected-error {{instruction `fence` is not supported}}
  ret void
}

; -----

define void @f(ptr %p) {
  call void asm "nop", ""() ; // expected-error {{inline assembly is not supported}}
  ret void
}

; -----

define void @f(ptr %p) {
  store atomic i64 1, ptr %p seq_cst, align 8 ; // expected-error {{an atomic store is not supported}}
  ret void
}

; -----

define void @f(ptr %p) {
  frobnicate ptr %p ; // expected-error {{an instruction expected, found `frobnicate`}}
  ret void
}

; -----

define <vscale x 2 x double> @f() { ; // expected-error {{vectors of scalable length are not supported}}
  ret <vscale x 2 x double> zeroinitializer
}

; -----

@a = global i32 0
@b = alias i32, ptr @a ; // expected-error {{`alias` of a global is not supported}}

; -----

target datalayout = "E-m:e-i64:64" ; // expected-error {{only little-endian machines with pointers of 64 bits are supported}}
