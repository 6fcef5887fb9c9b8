/* Adjoint of benchmarks/cholesky.py: what was overwritten follows from the factor, so nothing else is kept. */
#include "adjoint.h"

static double dot(const double *x, const double *y, long n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (long k = 0; k < n; k++)
    total += x[k] * y[k];
  return total;
}

/* The factor into the lower half of l, the solution of L y = b into y; gives the value. */
static double solve(const double *a, const double *b, long n, double *restrict l, double *restrict y) {
  double value = 0;
  memcpy(l, a, n * n * sizeof(double));
  for (long i = 0; i < n; i++) {
    double *row = l + i * n;
    for (long j = 0; j < i; j++)
      row[j] = (row[j] - dot(row, l + j * n, j)) / l[j * n + j];
    row[i] = sqrt(row[i] - dot(row, row, i));
    y[i] = (b[i] - dot(row, y, i)) / row[i];
    value += 0.5 * y[i] * y[i] + log(row[i]);
  }
  return value;
}

/* work: n n + n */
double cholesky_primal(const double *a, const double *b, long n, double *work) {
  return solve(a, b, n, work, work + n * n);
}

/* work: n n + n */
double cholesky_gradient(const double *a, const double *b, long n, double *restrict da, double *restrict db,
                         double *restrict work) {
  double *restrict l = work, *restrict y = work + n * n;
  double value = solve(a, b, n, l, y);
  memset(da, 0, n * n * sizeof(double));
  memcpy(db, y, n * sizeof(double));
  for (long i = n - 1; i >= 0; i--) {
    double *row = l + i * n, *drow = da + i * n;
    double d = db[i] /= row[i];
    drow[i] += 1 / row[i] - d * y[i];
#pragma omp simd
    for (long k = 0; k < i; k++) {
      drow[k] -= d * y[k];
      db[k] -= d * row[k];
    }
  }
  for (long i = n - 1; i >= 0; i--) {
    double *row = l + i * n, *drow = da + i * n;
    double d = drow[i] /= 2 * row[i];
    for (long k = 0; k < i; k++)
      drow[k] -= 2 * d * row[k];
    for (long j = i - 1; j >= 0; j--) {
      double *other = l + j * n, *dother = da + j * n;
      d = drow[j] /= other[j];
      dother[j] -= d * row[j];
#pragma omp simd
      for (long k = 0; k < j; k++) {
        drow[k] -= d * other[k];
        dother[k] -= d * row[k];
      }
    }
  }
  return value;
}
