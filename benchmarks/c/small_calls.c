/* Adjoint of benchmarks/small_calls.py: the derivative comes with the value, in the same branch. */
#include "adjoint.h"

double small_calls_primal(const double *x, long n) {
  double total = 0;
  for (long i = 0; i < n; i++) {
    if (x[i] < -1)
      total += exp(x[i] + 1) - 2;
    else if (x[i] < 1)
      total += x[i];
    else
      total += 1 + log(x[i]);
  }
  return total;
}

double small_calls_gradient(const double *x, long n, double *dx) {
  double total = 0;
  for (long i = 0; i < n; i++) {
    if (x[i] < -1) {
      double e = exp(x[i] + 1);
      total += e - 2;
      dx[i] = e;
    } else if (x[i] < 1) {
      total += x[i];
      dx[i] = 1;
    } else {
      total += 1 + log(x[i]);
      dx[i] = 1 / x[i];
    }
  }
  return total;
}
