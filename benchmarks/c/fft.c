/* Adjoint of benchmarks/fft.py: the transform is linear, and its adjoint is the one with the angles turned around. */
#include "adjoint.h"

static void twiddles(long n, double sign, double *c, double *s) {
  for (long k = 0; k < n / 2; k++) {
    double angle = sign * 6.283185307179586 / n * k;
    c[k] = cos(angle);
    s[k] = sin(angle);
  }
}

static void swap(double *x, long i, long j) {
  double t = x[i];
  x[i] = x[j];
  x[j] = t;
}

static void transform(double *restrict re, double *restrict im, const double *restrict c, const double *restrict s,
                      long n) {
  for (long i = 1, j = 0; i < n; i++) {
    long bit = n >> 1;
    for (; j & bit; bit >>= 1)
      j ^= bit;
    j |= bit;
    if (i < j) {
      swap(re, i, j);
      swap(im, i, j);
    }
  }
  for (long half = 1; half < n; half *= 2)
    for (long start = 0, stride = n / (2 * half); start < n; start += 2 * half)
#pragma omp simd
      for (long k = 0; k < half; k++) {
        long a = start + k, b = a + half;
        double x = c[k * stride] * re[b] - s[k * stride] * im[b], y = s[k * stride] * re[b] + c[k * stride] * im[b];
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
}

static double power(const double *re, const double *im, const double *w, long n) {
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < n; i++)
    value += w[i] * (re[i] * re[i] + im[i] * im[i]);
  return value;
}

/* work: 3 n */
double fft_primal(const double *re, const double *im, const double *w, long n, double *work) {
  double *zre = work, *zim = work + n, *c = work + 2 * n, *s = c + n / 2;
  memcpy(zre, re, n * sizeof(double));
  memcpy(zim, im, n * sizeof(double));
  twiddles(n, -1, c, s);
  transform(zre, zim, c, s, n);
  return power(zre, zim, w, n);
}

/* work: n */
double fft_gradient(const double *re, const double *im, const double *w, long n, double *dre, double *dim,
                    double *work) {
  double *c = work, *s = c + n / 2;
  memcpy(dre, re, n * sizeof(double));
  memcpy(dim, im, n * sizeof(double));
  twiddles(n, -1, c, s);
  transform(dre, dim, c, s, n);
  double value = power(dre, dim, w, n);
  for (long i = 0; i < n; i++) {
    dre[i] *= 2 * w[i];
    dim[i] *= 2 * w[i];
  }
  for (long k = 0; k < n / 2; k++)
    s[k] = -s[k];
  transform(dre, dim, c, s, n);
  return value;
}
