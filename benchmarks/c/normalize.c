/* Adjoint of benchmarks/normalize.py, with the norm taken once. */
#include "adjoint.h"

static double norm(const double *x, long n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (long i = 0; i < n; i++)
    total += x[i] * x[i];
  return sqrt(total);
}

double normalize_primal(const double *x, const double *w, long n) {
  double length = norm(x, n), value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++)
    value += w[i] * (x[i] / length);
  return value;
}

double normalize_gradient(const double *x, const double *w, long n, double *dx) {
  double length = norm(x, n), value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++)
    value += w[i] * (x[i] / length);
  double a = 1 / length, b = value / (length * length);
  for (long i = 0; i < n; i++)
    dx[i] = a * w[i] - b * x[i];
  return value;
}
