/* Adjoint of benchmarks/lu.py: it needs the factors only. */
#include "adjoint.h"

static double factor(const double *a, const double *w, long n, double *restrict lu) {
  memcpy(lu, a, n * n * sizeof(double));
  for (long k = 0; k < n; k++)
    for (long i = k + 1; i < n; i++) {
      double *row = lu + i * n, *pivots = lu + k * n, first = row[k] /= pivots[k];
#pragma omp simd
      for (long j = k + 1; j < n; j++)
        row[j] -= first * pivots[j];
    }
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n * n; i++)
    value += w[i] * lu[i];
  return value;
}

/* work: n n, here and below */
double lu_primal(const double *a, const double *w, long n, double *work) { return factor(a, w, n, work); }

double lu_gradient(const double *a, const double *w, long n, double *restrict d, double *restrict lu) {
  double value = factor(a, w, n, lu);
  memcpy(d, w, n * n * sizeof(double));
  for (long k = n; k-- > 0;)
    for (long i = n; i-- > k + 1;) {
      double *row = lu + i * n, *pivots = lu + k * n, *drow = d + i * n, *dpivots = d + k * n, sum = 0, first = row[k];
#pragma omp simd reduction(+ : sum)
      for (long j = k + 1; j < n; j++) {
        sum += drow[j] * pivots[j];
        dpivots[j] -= first * drow[j];
      }
      drow[k] = (drow[k] - sum) / pivots[k];
      dpivots[k] -= drow[k] * first;
    }
  return value;
}
