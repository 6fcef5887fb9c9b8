/* Adjoint of benchmarks/logistic_regression.py: observations go through in blocks that stay in the cache, so that each
 * is read once. */
#include "adjoint.h"

enum { BLOCK = 32 };

static double penalised(const double *w, long d, double penalty) {
  double square = 0;
  for (long j = 0; j < d; j++)
    square += w[j] * w[j];
  return penalty * square;
}

static void margins(const double *w, const double *x, const double *y, long n, long d, double *restrict z) {
  for (long i = 0; i < n; i++) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < d; j++)
      sum += x[i * d + j] * w[j];
    z[i] = -y[i] * sum;
  }
}

/* The sum of log(1 + exp(z)). */
static double losses(const double *z, long n) {
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++)
    value += (z[i] > 0 ? z[i] : 0) + log(1 + exp(-fabs(z[i])));
  return value;
}

/* work: n */
double logistic_regression_primal(const double *w, const double *x, const double *y, long n, long d, double penalty,
                                  double *z) {
  margins(w, x, y, n, d, z);
  return losses(z, n) / n + penalised(w, d, penalty);
}

/* work: n */
double logistic_regression_gradient(const double *w, const double *x, const double *y, long n, long d, double penalty,
                                    double *restrict dw, double *restrict z) {
  double value = 0;
  for (long j = 0; j < d; j++)
    dw[j] = 2 * penalty * w[j];
  for (long start = 0; start < n; start += BLOCK, x += BLOCK * d, y += BLOCK) {
    long rows = n - start < BLOCK ? n - start : BLOCK;
    margins(w, x, y, rows, d, z);
    value += losses(z, rows);
#pragma omp simd
    for (long i = 0; i < rows; i++)
      z[i] = -y[i] / (n * (1 + exp(-z[i])));
    for (long i = 0; i < rows; i++)
      for (long j = 0; j < d; j++)
        dw[j] += z[i] * x[i * d + j];
  }
  return value / n + penalised(w, d, penalty);
}
