/* Adjoint of benchmarks/gaussian_mixture.py: a product for each component and each way; points are kept scaled. */
#include "adjoint.h"
#include "blas.h"

/* The factor of a component, and the sum of its diagonal's logarithms. */
static double factor(const double *icf, long d, double *l) {
  double sum = 0;
  const double *below = icf + d;
  for (long column = 0; column < d; column++) {
    for (long row = 0; row < column; row++)
      l[row * d + column] = 0;
    l[column * d + column] = exp(icf[column]);
    sum += icf[column];
    for (long row = column + 1; row < d; row++)
      l[row * d + column] = *below++;
  }
  return sum;
}

static double log_sum_exp(const double *x, long n, long stride) {
  double top = x[0], sum = 0;
  for (long i = 1; i < n; i++)
    top = x[i * stride] > top ? x[i * stride] : top;
  for (long i = 0; i < n; i++)
    sum += exp(x[i * stride] - top);
  return log(sum) + top;
}

/* centred = x - mean, scaled = centred l', term = of each point */
static void component(const double *x, double alpha, const double *mean, const double *icf, long n, long d,
                      double *restrict centred, double *l, double *restrict scaled, double *restrict term) {
  double first = alpha + factor(icf, d, l);
  for (long i = 0; i < n; i++)
    for (long j = 0; j < d; j++)
      centred[i * d + j] = x[i * d + j] - mean[j];
  gemm(ROWS, PLAIN, TRANSPOSED, n, d, d, 1, centred, d, l, d, 0, scaled, d);
  for (long i = 0; i < n; i++) {
    double square = 0;
#pragma omp simd reduction(+ : square)
    for (long j = 0; j < d; j++)
      square += scaled[i * d + j] * scaled[i * d + j];
    term[i] = first - 0.5 * square;
  }
}

/* The sum of the points' log-sum-exps; terms become weights. */
static double mix(double *restrict terms, long n, long k, double *restrict top, double *restrict sum) {
  double value = 0;
  memcpy(top, terms, n * sizeof(double));
  memset(sum, 0, n * sizeof(double));
  for (long c = 1; c < k; c++)
    for (long i = 0; i < n; i++)
      top[i] = terms[c * n + i] > top[i] ? terms[c * n + i] : top[i];
  for (long c = 0; c < k; c++)
    for (long i = 0; i < n; i++)
      sum[i] += terms[c * n + i] = exp(terms[c * n + i] - top[i]);
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++) {
    value += log(sum[i]) + top[i];
    sum[i] = 1 / sum[i];
  }
  for (long c = 0; c < k; c++)
    for (long i = 0; i < n; i++)
      terms[c * n + i] *= sum[i];
  return value;
}

static double constant(const double *alphas, long n, long d, long k) {
  return n * (log_sum_exp(alphas, k, 1) + d * 0.5 * log(2 * 3.14159265358979323846));
}

/* work, here and below: k (n + n d + d d) + n d + max(2 n, n d, d d + d) */
double gaussian_mixture_primal(const double *alphas, const double *means, const double *icf, const double *x, long n,
                               long d, long k, double *work) {
  double *terms = work, *centred = terms + k * n, *scaled = centred + n * d, *l = scaled + n * d; /* l, then sums */
  for (long c = 0; c < k; c++)
    component(x, alphas[c], means + c * d, icf + c * d * (d + 1) / 2, n, d, centred, l, scaled, terms + c * n);
  return mix(terms, n, k, l, l + n) - constant(alphas, n, d, k);
}

double gaussian_mixture_gradient(const double *alphas, const double *means, const double *icf, const double *x, long n,
                                 long d, long k, double *restrict dalphas, double *restrict dmeans,
                                 double *restrict dicf, double *work) {
  double *terms = work, *scaled = terms + k * n, *l = scaled + k * n * d, *centred = l + k * d * d;
  double *spare = centred + n * d, prior = log_sum_exp(alphas, k, 1);
  for (long c = 0; c < k; c++)
    component(x, alphas[c], means + c * d, icf + c * d * (d + 1) / 2, n, d, centred, l + c * d * d,
              scaled + c * n * d, terms + c * n);
  double value = mix(terms, n, k, spare, spare + n) - constant(alphas, n, d, k);
  for (long c = 0; c < k; c++, dmeans += d, l += d * d, scaled += n * d, dicf += d * (d + 1) / 2) {
    const double *weight = terms + c * n, *mean = means + c * d;
    double total = 0, *dl = spare;
    memset(dmeans, 0, d * sizeof(double));
    for (long i = 0; i < n; i++) {
      total += weight[i];
      for (long j = 0; j < d; j++) {
        centred[i * d + j] = x[i * d + j] - mean[j];
        scaled[i * d + j] *= -weight[i];
      }
    }
    dalphas[c] = total - n * exp(alphas[c] - prior);
    gemm(ROWS, TRANSPOSED, PLAIN, d, d, n, 1, scaled, d, centred, d, 0, dl, d);
    double *sums = spare + d * d; /* of the scaled cotangents */
    memset(sums, 0, d * sizeof(double));
    for (long i = 0; i < n; i++)
      for (long j = 0; j < d; j++)
        sums[j] += scaled[i * d + j];
    for (long row = 0; row < d; row++)
      for (long j = 0; j <= row; j++)
        dmeans[j] -= sums[row] * l[row * d + j];
    double *below = dicf + d;
    for (long column = 0; column < d; column++) {
      dicf[column] = total + dl[column * d + column] * l[column * d + column];
      for (long row = column + 1; row < d; row++)
        *below++ = dl[row * d + column];
    }
  }
  return value;
}
