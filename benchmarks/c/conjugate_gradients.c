/* Adjoint of benchmarks/conjugate_gradients.py, iteration by iteration. Directions, their images and residuals are
 * kept, a row for each iteration; the outer products that the matrix gets are one product at the end. */
#include "adjoint.h"
#include "blas.h"

enum { MOST = 256 };

static double dot(const double *x, const double *y, long n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (long i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

static void apply(const double *a, const double *x, long n, double *out) {
  for (long i = 0; i < n; i++)
    out[i] = dot(a + i * n, x, n);
}

/* out += a' x */
static void add_transposed(const double *a, const double *x, long n, double *restrict out) {
  for (long i = 0; i < n; i++)
    for (long j = 0; j < n; j++)
      out[j] += x[i] * a[i * n + j];
}

/* Rows of p, q = A p and r; rr and p.q of each iteration. `kept` is 0 where the same row is used again. Gives the
 * number of iterations, or -1. */
static long solve(const double *a, const double *b, long n, double tolerance, double *x, double *p, double *q,
                  double *r, double *rr, double *pq, int kept) {
  memset(x, 0, n * sizeof(double));
  memcpy(r, b, n * sizeof(double));
  memcpy(p, b, n * sizeof(double));
  rr[0] = dot(r, r, n);
  long count = 0;
  for (; sqrt(*rr) > tolerance; count++) {
    if (count == MOST - 1)
      return -1;
    apply(a, p, n, q);
    *pq = dot(p, q, n);
    double alpha = *rr / *pq, *next = kept ? r + n : r, *turned = kept ? p + n : p;
    for (long i = 0; i < n; i++) {
      x[i] += alpha * p[i];
      next[i] = r[i] - alpha * q[i];
    }
    double left = dot(next, next, n), beta = left / *rr;
    for (long i = 0; i < n; i++)
      turned[i] = next[i] + beta * p[i];
    p = turned;
    r = next;
    rr += kept;
    pq += kept;
    q += kept ? n : 0;
    *rr = left;
  }
  return count;
}

/* work: 4 n */
double conjugate_gradients_primal(const double *a, const double *b, const double *w, long n, double tolerance,
                                  double *work) {
  double rr, pq;
  if (solve(a, b, n, tolerance, work, work + n, work + 2 * n, work + 3 * n, &rr, &pq, 0) < 0)
    return NAN;
  return dot(w, work, n);
}

/* work: 4 MOST n + 2 MOST + 4 n */
double conjugate_gradients_gradient(const double *a, const double *b, const double *w, long n, double tolerance,
                                    double *da, double *db, double *work) {
  double *ps = work, *qs = ps + MOST * n, *rs = qs + MOST * n, *dqs = rs + MOST * n, *rr = dqs + MOST * n;
  double *pq = rr + MOST, *x = pq + MOST, *dr = x + n, *dp = dr + n, *spare = dp + n;
  long count = solve(a, b, n, tolerance, x, ps, qs, rs, rr, pq, 1);
  if (count < 0)
    return NAN;
  double drr = 0;
  memset(dr, 0, n * sizeof(double));
  memset(dp, 0, n * sizeof(double));
  for (long k = count; k-- > 0;) {
    const double *p = ps + k * n, *q = qs + k * n, *next = rs + (k + 1) * n;
    double *dq = dqs + k * n, alpha = rr[k] / pq[k], beta = rr[k + 1] / rr[k];
    double dbeta = dot(dp, p, n), dnext = drr + dbeta / rr[k], dalpha = dot(w, p, n);
    drr = -dbeta * beta / rr[k];
    for (long i = 0; i < n; i++) {
      dr[i] += dp[i] + 2 * dnext * next[i];
      spare[i] = beta * dp[i] + alpha * w[i];
    }
    dalpha -= dot(dr, q, n);
    drr += dalpha / pq[k];
    double dpq = -dalpha * alpha / pq[k];
    for (long i = 0; i < n; i++) {
      spare[i] += dpq * q[i];
      dq[i] = dpq * p[i] - alpha * dr[i];
    }
    add_transposed(a, dq, n, spare);
    memcpy(dp, spare, n * sizeof(double));
  }
  for (long i = 0; i < n; i++)
    db[i] = dr[i] + dp[i] + 2 * drr * b[i];
  gemm(ROWS, TRANSPOSED, PLAIN, n, n, count, 1, dqs, n, ps, n, 0, da, n);
  return dot(w, x, n);
}
