/* Adjoint of benchmarks/attention.py on BLAS, for float and double: what each product and norm needs is kept.
 *
 * Rows are those of all sequences; a head reads its columns of a row, which gemm does by strides.
 */
#include "adjoint.h"
#include "blas.h"

#ifdef REAL_IS_FLOAT
#define EXP expf
#define TANH tanhf
#define SQRT sqrtf
#else
#define EXP exp
#define TANH tanh
#define SQRT sqrt
#endif

enum { WQ, WK, WV, WO, W1, W2, SCALE1, SHIFT1, SCALE2, SHIFT2, COUNT };

/* Where the weights begin, which lie one after the other. */
#define SPLIT(weights, at, d)                                                                                          \
  for (long i_ = 0, n_ = 0; i_ < COUNT; n_ += i_ < W1 ? d * d : i_ < SCALE1 ? 4 * d * d : d, i_++)                     \
  (at)[i_] = (weights) + n_

/* c = a b + beta c, and with a or b transposed; the matrices are dense */
static void product(const REAL *a, const REAL *b, REAL *c, long m, long n, long k, REAL beta) {
  gemm(ROWS, PLAIN, PLAIN, m, n, k, 1, a, k, b, n, beta, c, n);
}

static void product_ta(const REAL *a, const REAL *b, REAL *c, long m, long n, long k) {
  gemm(ROWS, TRANSPOSED, PLAIN, m, n, k, 1, a, m, b, n, 0, c, n);
}

static void product_tb(const REAL *a, const REAL *b, REAL *c, long m, long n, long k, REAL beta) {
  gemm(ROWS, PLAIN, TRANSPOSED, m, n, k, 1, a, k, b, k, beta, c, n);
}

/* y = unit scale + shift, where `unit` has mean 0 and variance 1; `inverse` is that of the deviation */
static void norm(const REAL *restrict x, const REAL *restrict scale, const REAL *restrict shift, REAL *restrict unit,
                 REAL *restrict inverse, REAL *restrict y, long rows, long d, double eps) {
  for (long r = 0; r < rows; r++, x += d, y += d, unit += d) {
    REAL mean = 0, variance = 0;
#pragma omp simd reduction(+ : mean)
    for (long j = 0; j < d; j++)
      mean += x[j];
    mean /= d;
#pragma omp simd reduction(+ : variance)
    for (long j = 0; j < d; j++)
      variance += (x[j] - mean) * (x[j] - mean);
    REAL s = inverse[r] = 1 / SQRT(variance / d + (REAL)eps);
    for (long j = 0; j < d; j++) {
      unit[j] = (x[j] - mean) * s;
      y[j] = unit[j] * scale[j] + shift[j];
    }
  }
}

/* adds to dx; dx may be null */
static void norm_back(const REAL *restrict unit, const REAL *restrict inverse, const REAL *restrict scale,
                      const REAL *restrict dy, REAL *restrict dx, REAL *restrict dscale, REAL *restrict dshift,
                      long rows, long d) {
  memset(dscale, 0, d * sizeof(REAL));
  memset(dshift, 0, d * sizeof(REAL));
  for (long r = 0; r < rows; r++, dy += d, unit += d) {
    REAL sum = 0, along = 0;
    for (long j = 0; j < d; j++) {
      dscale[j] += dy[j] * unit[j];
      dshift[j] += dy[j];
    }
    if (!dx)
      continue;
#pragma omp simd reduction(+ : sum, along)
    for (long j = 0; j < d; j++) {
      sum += dy[j] * scale[j];
      along += dy[j] * scale[j] * unit[j];
    }
    sum /= d;
    along /= d;
    for (long j = 0; j < d; j++)
      dx[r * d + j] += inverse[r] * (dy[j] * scale[j] - sum - unit[j] * along);
  }
}

static void softmax(REAL *p, long n) {
  for (long i = 0; i < n; i++, p += n) {
    REAL top = p[0], sum = 0;
#pragma omp simd reduction(max : top)
    for (long j = 0; j < n; j++)
      top = p[j] > top ? p[j] : top;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < n; j++)
      sum += p[j] = EXP(p[j] - top);
    REAL s = 1 / sum;
    for (long j = 0; j < n; j++)
      p[j] *= s;
  }
}

static void softmax_back(const REAL *p, REAL *dp, long n) {
  for (long i = 0; i < n; i++, p += n, dp += n) {
    REAL along = 0;
#pragma omp simd reduction(+ : along)
    for (long j = 0; j < n; j++)
      along += p[j] * dp[j];
    for (long j = 0; j < n; j++)
      dp[j] = p[j] * (dp[j] - along);
  }
}

typedef struct {
  REAL *unit1, *y1, *q, *k, *v, *attended, *x1, *unit2, *y2, *hidden, *out, *inverse1, *inverse2, *p, *spare;
} state;

/* The hidden layer is four times the data. */
static state carve(REAL *work, const long *size) {
  long rows = size[0] * size[1], all = rows * size[2];
  state s;
  REAL **one[] = {&s.unit1, &s.y1, &s.q, &s.k, &s.v, &s.attended, &s.x1, &s.unit2, &s.y2, &s.out};
  for (int i = 0; i < 10; i++, work += all)
    *one[i] = work;
  s.hidden = work;
  s.inverse1 = work + 4 * all;
  s.inverse2 = s.inverse1 + rows;
  s.p = s.inverse2 + rows;
  s.spare = s.p + size[0] * size[3] * size[1] * size[1];
  return s;
}

static double run(const REAL *const *w, const REAL *x, const REAL *target, const long *size, double eps, state s) {
  long n = size[1], d = size[2], heads = size[3], rows = size[0] * n, each = d / heads;
  norm(x, w[SCALE1], w[SHIFT1], s.unit1, s.inverse1, s.y1, rows, d, eps);
  product(s.y1, w[WQ], s.q, rows, d, d, 0);
  product(s.y1, w[WK], s.k, rows, d, d, 0);
  product(s.y1, w[WV], s.v, rows, d, d, 0);
  REAL *p = s.p;
  for (long b = 0; b < size[0]; b++)
    for (long h = 0; h < heads; h++, p += n * n) {
      long at = b * n * d + h * each;
      gemm(ROWS, PLAIN, TRANSPOSED, n, n, each, 1 / sqrt(each), s.q + at, d, s.k + at, d, 0, p, n);
      softmax(p, n);
      gemm(ROWS, PLAIN, PLAIN, n, each, n, 1, p, n, s.v + at, d, 0, s.attended + at, d);
    }
  memcpy(s.x1, x, rows * d * sizeof(REAL));
  product(s.attended, w[WO], s.x1, rows, d, d, 1);
  norm(s.x1, w[SCALE2], w[SHIFT2], s.unit2, s.inverse2, s.y2, rows, d, eps);
  product(s.y2, w[W1], s.hidden, rows, 4 * d, d, 0);
  for (long i = 0; i < rows * 4 * d; i++)
    s.hidden[i] = TANH(s.hidden[i]);
  memcpy(s.out, s.x1, rows * d * sizeof(REAL));
  product(s.hidden, w[W2], s.out, rows, d, 4 * d, 1);
  double value = 0;
#pragma omp simd reduction(+ : value)
  for (long i = 0; i < rows * d; i++)
    value += (s.out[i] - target[i]) * (s.out[i] - target[i]);
  return value / (rows * d);
}

/* work: 14 data + 2 rows + batch heads length^2 */
double attention_primal(const REAL *weights, const REAL *x, const REAL *target, const long *size, double eps,
                        REAL *work) {
  const REAL *w[COUNT];
  SPLIT(weights, w, size[2]);
  return run(w, x, target, size, eps, carve(work, size));
}

/* work: that, 5 data and length^2 more */
double attention_gradient(const REAL *weights, const REAL *x, const REAL *target, const long *size, double eps,
                          REAL *dweights, REAL *work) {
  long n = size[1], d = size[2], heads = size[3], rows = size[0] * n, each = d / heads, all = rows * d;
  const REAL *w[COUNT];
  REAL *dw[COUNT];
  SPLIT(weights, w, d);
  SPLIT(dweights, dw, d);
  state s = carve(work, size);
  double value = run(w, x, target, size, eps, s);
  REAL *dx = s.spare, *dq = dx + all, *dk = dq + all, *dv = dk + all, *dy = dv + all, *dp = dy + all;
  REAL scale = 2 / (REAL)all, root = 1 / sqrt(each);
  for (long i = 0; i < all; i++)
    dx[i] = scale * (s.out[i] - target[i]);
  product_ta(s.hidden, dx, dw[W2], 4 * d, d, rows);
  REAL *dh = dq; /* four units: dq to dy, which aren't needed yet */
  product_tb(dx, w[W2], dh, rows, 4 * d, d, 0);
  for (long i = 0; i < 4 * all; i++)
    dh[i] *= 1 - s.hidden[i] * s.hidden[i];
  product_ta(s.y2, dh, dw[W1], d, 4 * d, rows);
  REAL *dy2 = s.out;
  product_tb(dh, w[W1], dy2, rows, d, 4 * d, 0);
  norm_back(s.unit2, s.inverse2, w[SCALE2], dy2, dx, dw[SCALE2], dw[SHIFT2], rows, d);
  product_ta(s.attended, dx, dw[WO], d, d, rows);
  REAL *dattended = s.out, *p = s.p;
  product_tb(dx, w[WO], dattended, rows, d, d, 0);
  for (long b = 0; b < size[0]; b++)
    for (long h = 0; h < heads; h++, p += n * n) {
      long at = b * n * d + h * each;
      gemm(ROWS, TRANSPOSED, PLAIN, n, each, n, 1, p, n, dattended + at, d, 0, dv + at, d);
      gemm(ROWS, PLAIN, TRANSPOSED, n, n, each, 1, dattended + at, d, s.v + at, d, 0, dp, n);
      softmax_back(p, dp, n);
      gemm(ROWS, PLAIN, PLAIN, n, each, n, root, dp, n, s.k + at, d, 0, dq + at, d);
      gemm(ROWS, TRANSPOSED, PLAIN, n, each, n, root, dp, n, s.q + at, d, 0, dk + at, d);
    }
  product_ta(s.y1, dq, dw[WQ], d, d, rows);
  product_ta(s.y1, dk, dw[WK], d, d, rows);
  product_ta(s.y1, dv, dw[WV], d, d, rows);
  product_tb(dq, w[WQ], dy, rows, d, d, 0);
  product_tb(dk, w[WK], dy, rows, d, d, 1);
  product_tb(dv, w[WV], dy, rows, d, d, 1);
  norm_back(s.unit1, s.inverse1, w[SCALE1], dy, NULL, dw[SCALE1], dw[SHIFT1], rows, d);
  return value;
}
