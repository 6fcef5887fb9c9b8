/* Adjoint of benchmarks/heat.py: the states are computed where they are kept, one row a step. */
#include "adjoint.h"

static double misfit(const double *u, const double *target, long n) {
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++)
    value += (u[i] - target[i]) * (u[i] - target[i]);
  return value;
}

static void step(const double *restrict u, const double *restrict k, double *restrict next, long n) {
  next[0] = u[0];
  for (long i = 1; i < n - 1; i++)
    next[i] = u[i] + k[i] * (u[i - 1] - 2 * u[i] + u[i + 1]);
  next[n - 1] = u[n - 1];
}

double heat_primal(const double *u0, const double *k, const double *target, long n, long steps, double *work) {
  const double *u = u0;
  for (long t = 0; t < steps; t++) {
    double *next = work + (t & 1) * n;
    step(u, k, next, n);
    u = next;
  }
  return misfit(u, target, n);
}

/* One step back: the transpose of the stencil, gathered. */
static void back(const double *restrict u, const double *restrict k, const double *restrict d,
                 double *restrict before, double *restrict dk, long n) {
  before[0] = d[0] + k[1] * d[1];
  before[1] = d[1] - 2 * k[1] * d[1] + k[2] * d[2];
  dk[1] += d[1] * (u[0] - 2 * u[1] + u[2]);
  for (long i = 2; i < n - 2; i++) {
    before[i] = d[i] + k[i - 1] * d[i - 1] - 2 * k[i] * d[i] + k[i + 1] * d[i + 1];
    dk[i] += d[i] * (u[i - 1] - 2 * u[i] + u[i + 1]);
  }
  before[n - 2] = d[n - 2] + k[n - 3] * d[n - 3] - 2 * k[n - 2] * d[n - 2];
  dk[n - 2] += d[n - 2] * (u[n - 3] - 2 * u[n - 2] + u[n - 1]);
  before[n - 1] = d[n - 1] + k[n - 2] * d[n - 2];
}

/* work: steps + 2 rows, of at least 4 */
double heat_gradient(const double *u0, const double *k, const double *target, long n, long steps, double *du,
                     double *dk, double *work) {
  double *states = work, *spare = work + steps * n, *d = spare + n;
  const double *u = u0;
  for (long t = 0; t < steps; t++) {
    step(u, k, states + t * n, n);
    u = states + t * n;
  }
  for (long i = 0; i < n; i++)
    d[i] = 2 * (u[i] - target[i]);
  memset(dk, 0, n * sizeof(double));
  double value = misfit(u, target, n);
  for (long t = steps; t-- > 0;) {
    back(t ? states + (t - 1) * n : u0, k, d, spare, dk, n);
    double *swapped = d;
    d = spare;
    spare = swapped;
  }
  memcpy(du, d, n * sizeof(double));
  return value;
}
