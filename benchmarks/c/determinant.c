/* Adjoint of benchmarks/determinant.py: the cotangent goes down with the matrix, so one recursion gives both. */
#include "adjoint.h"

static void minor_of(const double *a, long n, long left_out, double *restrict out) {
  for (long i = 1; i < n; i++)
    for (long j = 0, to = 0; j < n; j++)
      if (j != left_out)
        out[(i - 1) * (n - 1) + to++] = a[i * n + j];
}

static double value(const double *a, long n, double *work) {
  if (n == 1)
    return a[0];
  double total = 0, sign = 1;
  for (long j = 0; j < n; j++, sign = -sign) {
    minor_of(a, n, j, work);
    total += sign * a[j] * value(work, n - 1, work + n * n);
  }
  return total;
}

/* Adds d times the gradient to da; gives the value. */
static double both(const double *a, long n, double d, double *da, double *work) {
  if (n == 1) {
    da[0] += d;
    return a[0];
  }
  double total = 0, sign = 1, *minor = work, *dminor = work + n * n;
  for (long j = 0; j < n; j++, sign = -sign) {
    minor_of(a, n, j, minor);
    memset(dminor, 0, (n - 1) * (n - 1) * sizeof(double));
    double smaller = both(minor, n - 1, d * sign * a[j], dminor, work + 2 * n * n);
    total += sign * a[j] * smaller;
    da[j] += d * sign * smaller;
    for (long i = 1; i < n; i++)
      for (long k = 0, from = 0; k < n; k++)
        if (k != j)
          da[i * n + k] += dminor[(i - 1) * (n - 1) + from++];
  }
  return total;
}

/* work: 2 n n n, here and below */
double determinant_primal(const double *a, long n, double *work) { return value(a, n, work); }

double determinant_gradient(const double *a, long n, double *da, double *work) {
  memset(da, 0, n * n * sizeof(double));
  return both(a, n, 1, da, work);
}
