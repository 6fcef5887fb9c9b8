/* Adjoint of benchmarks/gaussian_process.py: those of the heat equation, row by row, and of Cholesky's method. */
#include "blas.h"
#include "cholesky.c"
#include "heat.c"

/* All rows, after a step. */
static void diffuse(const double *x, const double *k, double *next, long n, long d) {
  for (long i = 0; i < n; i++)
    step(x + i * d, k, next + i * d, d);
}

/* X X' / d + 1, both halves. */
static void covariance(const double *x, long n, long d, double *a) {
  memset(a, 0, n * n * sizeof(double));
  for (long i = 0; i < n; i++)
    a[i * n + i] = 1;
  gemm(ROWS, PLAIN, TRANSPOSED, n, n, d, 1.0 / d, x, d, x, d, 1, a, n);
}

/* work: (steps + 1) n d + 3 n n + n + 2 d, here and below */
double gaussian_process_primal(const double *x0, const double *k, const double *b, long n, long d, long steps,
                               double *work) {
  double *a = work + (steps + 1) * n * d;
  const double *x = x0;
  for (long t = 0; t < steps; t++) {
    double *next = work + (t & 1) * n * d;
    diffuse(x, k, next, n, d);
    x = next;
  }
  covariance(x, n, d, a);
  return cholesky_primal(a, b, n, a + n * n);
}

/* One row back through all steps; `row` and `spare` are cotangents. */
static void back_row(const double *x0, const double *states, const double *k, long stride, long d, long steps,
                     double *row, double *dk, double *spare) {
  double *now = row, *before = spare;
  for (long t = steps; t-- > 0;) {
    back(t ? states + (t - 1) * stride : x0, k, now, before, dk, d);
    double *swapped = now;
    now = before;
    before = swapped;
  }
  if (now != row)
    memcpy(row, now, d * sizeof(double));
}

double gaussian_process_gradient(const double *x0, const double *k, const double *b, long n, long d, long steps,
                                 double *dx, double *dk, double *db, double *work) {
  double *states = work, *a = work + (steps + 1) * n * d, *da = a + n * n, *spare = da + 2 * n * n + n;
  const double *x = x0;
  for (long t = 0; t < steps; t++) {
    diffuse(x, k, states + t * n * d, n, d);
    x = states + t * n * d;
  }
  covariance(x, n, d, a);
  double value = cholesky_gradient(a, b, n, da, db, da + n * n);
  gemm(ROWS, PLAIN, PLAIN, n, d, n, 1.0 / d, da, n, x, d, 0, dx, d);
  gemm(ROWS, TRANSPOSED, PLAIN, n, d, n, 1.0 / d, da, n, x, d, 1, dx, d);
  memset(dk, 0, d * sizeof(double));
  for (long i = 0; i < n; i++)
    back_row(x0 + i * d, states + i * d, k, n * d, d, steps, dx + i * d, dk, spare);
  return value;
}
