/* Adjoint of benchmarks/gram_schmidt.py on columns that lie together: what was subtracted from a column is added
 * again on the way back, so no column is kept twice. */
#include "adjoint.h"

static double dot(const double *x, const double *y, long n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (long i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

static void transpose(const double *a, long m, long n, double *restrict out) {
  for (long i = 0; i < m; i++)
    for (long j = 0; j < n; j++)
      out[j * m + i] = a[i * n + j];
}

/* Rows of q are the orthogonal columns, rows of `left` what is left of the columns of a. */
static void orthogonalise(const double *a, long m, long n, double *restrict q, double *restrict r,
                          double *restrict left) {
  transpose(a, m, n, left);
  for (long k = 0; k < n; k++) {
    double *qk = q + k * m, norm = r[k * n + k] = sqrt(dot(left + k * m, left + k * m, m));
    for (long i = 0; i < m; i++)
      qk[i] = left[k * m + i] / norm;
    for (long j = k + 1; j < n; j++) {
      double along = r[k * n + j] = dot(qk, left + j * m, m), *column = left + j * m;
      for (long i = 0; i < m; i++)
        column[i] -= along * qk[i];
    }
  }
}

static double weighted(const double *by_q, const double *by_r, const double *q, const double *r, long m, long n) {
  double value = 0;
  for (long i = 0; i < m; i++)
    for (long j = 0; j < n; j++)
      value += by_q[i * n + j] * q[j * m + i];
  for (long k = 0; k < n; k++)
    for (long j = k; j < n; j++)
      value += by_r[k * n + j] * r[k * n + j];
  return value;
}

/* work: 2 m n + n n */
double gram_schmidt_primal(const double *a, const double *by_q, const double *by_r, long m, long n, double *work) {
  double *q = work, *left = q + m * n, *r = left + m * n;
  orthogonalise(a, m, n, q, r, left);
  return weighted(by_q, by_r, q, r, m, n);
}

/* work: 4 m n + n n */
double gram_schmidt_gradient(const double *a, const double *by_q, const double *by_r, long m, long n, double *da,
                             double *work) {
  double *restrict q = work, *restrict left = q + m * n, *restrict dq = left + m * n, *restrict d = dq + m * n;
  double *r = d + m * n;
  orthogonalise(a, m, n, q, r, left);
  double value = weighted(by_q, by_r, q, r, m, n);
  transpose(by_q, m, n, dq);
  memset(d, 0, m * n * sizeof(double));
  for (long k = n; k-- > 0;) {
    double *qk = q + k * m, *dqk = dq + k * m, *dk = d + k * m;
    for (long j = n; j-- > k + 1;) {
      double along = r[k * n + j], *column = left + j * m, *dj = d + j * m;
      double dalong = by_r[k * n + j] - dot(dj, qk, m);
#pragma omp simd
      for (long i = 0; i < m; i++) {
        column[i] += along * qk[i];
        dqk[i] += dalong * column[i] - along * dj[i];
        dj[i] += dalong * qk[i];
      }
    }
    double norm = r[k * n + k], dnorm = by_r[k * n + k] - dot(dqk, qk, m) / norm;
    for (long i = 0; i < m; i++)
      dk[i] += dqk[i] / norm + dnorm * qk[i];
  }
  transpose(d, n, m, da);
  return value;
}
