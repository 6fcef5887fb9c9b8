/* Adjoint of benchmarks/logistic_map.py: each state is kept. */
#include "adjoint.h"

double logistic_map_primal(double x, double rate, long steps) {
  double total = 0;
  for (long t = 0; t < steps; t++) {
    x = rate * x * (1 - x);
    total += x;
  }
  return total;
}

/* work: steps */
double logistic_map_gradient(double x, double rate, long steps, double *dx, double *drate, double *work) {
  double total = 0, d = 0, by_rate = 0;
  for (long t = 0; t < steps; t++) {
    work[t] = x;
    x = rate * x * (1 - x);
    total += x;
  }
  for (long t = steps; t-- > 0;) {
    d += 1;
    by_rate += d * work[t] * (1 - work[t]);
    d *= rate * (1 - 2 * work[t]);
  }
  *dx = d;
  *drate = by_rate;
  return total;
}
