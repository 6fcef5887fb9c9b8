/* Adjoint of benchmarks/matmul_loops.py: loops in an order that runs along rows. */
#include "adjoint.h"

static double product(const double *restrict a, const double *restrict b, long n, double *restrict c) {
  double value = 0;
  memset(c, 0, n * n * sizeof(double));
  for (long i = 0; i < n; i++) {
    for (long k = 0; k < n; k++)
      for (long j = 0; j < n; j++)
        c[i * n + j] += a[i * n + k] * b[k * n + j];
#pragma omp simd reduction(+ : value)
    for (long j = 0; j < n; j++)
      value += c[i * n + j] * c[i * n + j];
  }
  return value;
}

double matmul_loops_primal(const double *a, const double *b, long n, double *c) { return product(a, b, n, c); }

double matmul_loops_gradient(const double *restrict a, const double *restrict b, long n, double *restrict da,
                             double *restrict db, double *restrict c) {
  double value = product(a, b, n, c);
  memset(db, 0, n * n * sizeof(double));
  for (long i = 0; i < n; i++) {
    for (long j = 0; j < n; j++)
      c[i * n + j] *= 2;
    for (long k = 0; k < n; k++) {
      double total = 0;
#pragma omp simd reduction(+ : total)
      for (long j = 0; j < n; j++)
        total += c[i * n + j] * b[k * n + j];
      da[i * n + k] = total;
    }
    for (long k = 0; k < n; k++)
      for (long j = 0; j < n; j++)
        db[k * n + j] += a[i * n + k] * c[i * n + j];
  }
  return value;
}
