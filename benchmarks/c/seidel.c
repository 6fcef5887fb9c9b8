/* Adjoint of benchmarks/seidel.py: cosines are kept, one for each update, and nothing else. */
#define _GNU_SOURCE
#include "adjoint.h"

double seidel_primal(const double *u0, long n, long steps, double dt, double *u) {
  memcpy(u, u0, n * sizeof(double));
  for (long t = 0; t < steps; t++)
    for (long i = 1; i < n - 1; i++)
      u[i] += dt * sin(u[i - 1] - 2 * u[i] + u[i + 1]);
  double value = 0;
  for (long i = 0; i < n; i++)
    value += u[i] * u[i];
  return value;
}

double seidel_gradient(const double *u0, long n, long steps, double dt, double *du, double *u, double *kept) {
  memcpy(u, u0, n * sizeof(double));
  double *c = kept;
  for (long t = 0; t < steps; t++)
    for (long i = 1; i < n - 1; i++) {
      double s, cosine;
      sincos(u[i - 1] - 2 * u[i] + u[i + 1], &s, &cosine);
      u[i] += dt * s;
      *c++ = dt * cosine;
    }
  double value = 0;
  for (long i = 0; i < n; i++) {
    value += u[i] * u[i];
    du[i] = 2 * u[i];
  }
  for (long t = steps; t-- > 0;)
    for (long i = n - 2; i >= 1; i--) {
      double d = du[i] * *--c;
      du[i - 1] += d;
      du[i] -= 2 * d;
      du[i + 1] += d;
    }
  return value;
}
