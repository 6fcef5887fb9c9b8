/* Adjoint of benchmarks/floyd_warshall.py: a number 0 or 1 for each update says whether it was made. */
#include "adjoint.h"

typedef float FLAG; /* a type that is converted to double by vectors */

static double sum(const double *d, long count) {
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < count; i++)
    value += d[i];
  return value;
}

double floyd_warshall_primal(const double *weights, long n, double *d) {
  memcpy(d, weights, n * n * sizeof(double));
  for (long k = 0; k < n; k++)
    for (long i = 0; i < n; i++) {
      double *row = d + i * n, *via = d + k * n, first = row[k];
      if (i == k)
        continue; /* with d[k][k] = 0 nothing changes */
#pragma omp simd
      for (long j = 0; j < n; j++) {
        double through = first + via[j];
        row[j] = through < row[j] ? through : row[j];
      }
    }
  return sum(d, n * n);
}

double floyd_warshall_gradient(const double *weights, long n, double *g, double *d, FLAG *taken) {
  memcpy(d, weights, n * n * sizeof(double));
  FLAG *flag = taken;
  for (long k = 0; k < n; k++)
    for (long i = 0; i < n; i++, flag += n) {
      double *row = d + i * n, *via = d + k * n, first = row[k];
      if (i == k)
        continue;
#pragma omp simd
      for (long j = 0; j < n; j++) {
        double through = first + via[j];
        flag[j] = through < row[j] ? 1 : 0;
        row[j] = through < row[j] ? through : row[j];
      }
    }
  for (long i = 0; i < n * n; i++)
    g[i] = 1;
  for (long k = n; k-- > 0;)
    for (long i = n; i-- > 0;) {
      flag -= n;
      if (i == k)
        continue;
      double *row = g + i * n, *via = g + k * n, first = 0;
#pragma omp simd reduction(+ : first)
      for (long j = 0; j < n; j++) {
        double moved = flag[j] * row[j];
        row[j] -= moved;
        via[j] += moved;
        first += moved;
      }
      row[k] += first;
    }
  return sum(d, n * n);
}
