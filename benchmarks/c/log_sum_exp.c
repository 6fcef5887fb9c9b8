/* Adjoint of benchmarks/log_sum_exp.py: the exponentials become the gradient. */
#include "adjoint.h"

static double largest(const double *x, long n) {
  double top = x[0];
#pragma omp simd reduction(max : top)
  for (long i = 0; i < n; i++)
    top = x[i] > top ? x[i] : top;
  return top;
}

double log_sum_exp_primal(const double *x, long n) {
  double top = largest(x, n), sum = 0;
#pragma omp simd reduction(+ : sum)
  for (long i = 0; i < n; i++)
    sum += exp(x[i] - top);
  return log(sum) + top;
}

double log_sum_exp_gradient(const double *restrict x, long n, double *restrict dx) {
  double top = largest(x, n), sum = 0;
#pragma omp simd reduction(+ : sum)
  for (long i = 0; i < n; i++)
    sum += dx[i] = exp(x[i] - top);
  double share = 1 / sum;
  for (long i = 0; i < n; i++)
    dx[i] *= share;
  return log(sum) + top;
}
