/* Adjoints of benchmarks/kepler.py: Newton's iteration, each iteration differentiated.
 *
 * With f = E - e sin E - M and g = 1 - e cos E, an iteration is E' = E - f / g, so
 *   dE'/dE = f e sin E / g^2,  dE'/dM = 1 / g,  dE'/de = sin E / g - f cos E / g^2.
 */
#define _GNU_SOURCE
#include "adjoint.h"

enum { MOST = 64 }; /* rows of `kept`; Newton's iteration needs about ten */

/* One iteration on all; gives the largest step. */
static double newton(const double *restrict m, double e, const double *restrict from, double *restrict to, long n) {
  double largest = 0;
#pragma omp simd reduction(max : largest)
  for (long i = 0; i < n; i++) {
    double step = (from[i] - e * sin(from[i]) - m[i]) / (1 - e * cos(from[i]));
    to[i] = from[i] - step;
    step = fabs(step);
    largest = step > largest ? step : largest;
  }
  return largest;
}

static double weighted(const double *anomaly, const double *w, long n) {
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++)
    value += w[i] * anomaly[i];
  return value;
}

/* work: 2 n */
double kepler_primal(const double *m, double e, const double *w, long n, double tolerance, double *work) {
  const double *from = m;
  for (long k = 0; k < MOST; k++) {
    double *to = work + (k & 1) * n;
    double largest = newton(m, e, from, to, n);
    from = to;
    if (largest <= tolerance)
      return weighted(from, w, n);
  }
  return NAN;
}

/* work: MOST n */
double kepler_gradient(const double *m, double e, const double *w, long n, double tolerance, double *dm, double *de,
                       double *work) {
  long count = 0;
  for (double largest = INFINITY; largest > tolerance; count++) {
    if (count == MOST)
      return NAN;
    largest = newton(m, e, count ? work + (count - 1) * n : m, work + count * n, n);
  }
  double value = weighted(work + (count - 1) * n, w, n);
  double total = 0;
  double *d = work + (count - 1) * n; /* the last iterate isn't needed any more */
  memcpy(d, w, n * sizeof(double));
  memset(dm, 0, n * sizeof(double));
  for (long k = count; k-- > 0;) {
    const double *from = k ? work + (k - 1) * n : m;
#pragma omp simd reduction(+ : total)
    for (long i = 0; i < n; i++) {
      double s = sin(from[i]), c = cos(from[i]), r = 1 / (1 - e * c);
      double f = from[i] - e * s - m[i];
      dm[i] += d[i] * r;
      total += d[i] * r * (s - f * c * r);
      d[i] *= f * e * s * r * r;
    }
  }
  for (long i = 0; i < n; i++)
    dm[i] += d[i]; /* the iteration starts from m */
  *de = total;
  return value;
}

double kepler_each_primal(const double *m, double e, const double *w, long n, double tolerance) {
  double value = 0;
  for (long i = 0; i < n; i++) {
    double anomaly = m[i], step = 1;
    while (fabs(step) > tolerance) {
      double s, c;
      sincos(anomaly, &s, &c);
      step = (anomaly - e * s - m[i]) / (1 - e * c);
      anomaly -= step;
    }
    value += w[i] * anomaly;
  }
  return value;
}

/* An element is finished, forward and back, before the next begins, so the stack is short. */
double kepler_each_gradient(const double *m, double e, const double *w, long n, double tolerance, double *dm,
                            double *de) {
  double value = 0, total = 0, own[MOST], by_e[MOST], by_m[MOST];
  for (long i = 0; i < n; i++) {
    double anomaly = m[i], step = 1;
    long count = 0;
    while (fabs(step) > tolerance) {
      if (count == MOST)
        return NAN;
      double s, c;
      sincos(anomaly, &s, &c);
      double f = anomaly - e * s - m[i], r = 1 / (1 - e * c);
      step = f * r;
      anomaly -= step;
      own[count] = f * e * s * r * r;
      by_m[count] = r;
      by_e[count++] = r * (s - f * c * r);
    }
    value += w[i] * anomaly;
    double d = w[i], sum = 0;
    while (count-- > 0) {
      sum += d * by_m[count];
      total += d * by_e[count];
      d *= own[count];
    }
    dm[i] = sum + d;
  }
  *de = total;
  return value;
}
