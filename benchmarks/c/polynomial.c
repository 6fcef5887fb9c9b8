/* Adjoint of benchmarks/polynomial.py: points go through in blocks that stay in the cache; all is linear in the
 * coefficients, so nothing is kept. */
#include "adjoint.h"

enum { BLOCK = 256 };

static double misfits(const double *restrict a, const double *restrict x, const double *restrict y, long n, long k,
                      double *restrict away) {
  double value = 0;
  for (long i = 0; i < n; i++)
    away[i] = 0;
  for (long c = 0; c < k; c++)
    for (long i = 0; i < n; i++)
      away[i] = away[i] * x[i] + a[c];
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++) {
    away[i] -= y[i];
    value += away[i] * away[i];
  }
  return value;
}

/* work: a block, here and below */
double polynomial_primal(const double *a, const double *x, const double *y, long n, long k, double *work) {
  double value = 0;
  for (long start = 0; start < n; start += BLOCK)
    value += misfits(a, x + start, y + start, n - start < BLOCK ? n - start : BLOCK, k, work);
  return value;
}

double polynomial_gradient(const double *a, const double *x, const double *y, long n, long k, double *restrict da,
                           double *restrict d) {
  double value = 0;
  memset(da, 0, k * sizeof(double));
  for (long start = 0; start < n; start += BLOCK, x += BLOCK, y += BLOCK) {
    long rows = n - start < BLOCK ? n - start : BLOCK;
    value += misfits(a, x, y, rows, k, d);
    for (long c = k; c-- > 0;) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (long i = 0; i < rows; i++) {
        sum += d[i];
        d[i] *= x[i];
      }
      da[c] += 2 * sum;
    }
  }
  return value;
}
