/* What the adjoints share.
 *
 * x_gradient gives the value and writes the gradient; x_primal gives the value alone. Arrays that are only worked
 * in come last and belong to the caller, so that nothing is allocated. The cotangent of `u` is `du`.
 */
#ifndef ADJOINT_H
#define ADJOINT_H

#include <math.h>
#include <string.h>

#ifndef REAL
#define REAL double
#endif

/* glibc declares its vector functions only under -ffast-math; they are as good (4 ulp) without. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define VECTOR __attribute__((const, simd("notinbranch")))
double exp(double) VECTOR;
double log(double) VECTOR;
double sin(double) VECTOR;
double cos(double) VECTOR;
float expf(float) VECTOR;
#if __GLIBC_PREREQ(2, 35)
double tanh(double) VECTOR;
float tanhf(float) VECTOR;
#endif
#endif

#endif
