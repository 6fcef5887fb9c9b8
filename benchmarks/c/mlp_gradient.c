/* Adjoint of benchmarks/mlp_gradient.py on BLAS, for float and double. */
#include "adjoint.h"
#include "blas.h"

#ifdef REAL_IS_FLOAT
#define EXP expf
#define TANH tanhf
#define LOG logf
#else
#define EXP exp
#define TANH tanh
#define LOG log
#endif

/* out = x w + b, through tanh if asked for */
static void layer(const REAL *x, const REAL *w, const REAL *b, REAL *restrict out, long rows, long from, long to,
                  int through_tanh) {
  for (long r = 0; r < rows; r++)
    memcpy(out + r * to, b, to * sizeof(REAL));
  gemm(ROWS, PLAIN, PLAIN, rows, to, from, 1, x, from, w, to, 1, out, to);
  if (through_tanh)
    for (long i = 0; i < rows * to; i++)
      out[i] = TANH(out[i]);
}

/* dw = x' d, db = column sums of d */
static void layer_back(const REAL *x, const REAL *restrict d, REAL *dw, REAL *restrict db, long rows, long from,
                       long to) {
  gemm(ROWS, TRANSPOSED, PLAIN, from, to, rows, 1, x, from, d, to, 0, dw, to);
  memset(db, 0, to * sizeof(REAL));
  for (long r = 0; r < rows; r++)
    for (long j = 0; j < to; j++)
      db[j] += d[r * to + j];
}

/* d = (dout w') (1 - h^2) */
static void hidden_back(const REAL *dout, const REAL *w, const REAL *restrict h, REAL *restrict d, long rows,
                        long width, long to) {
  gemm(ROWS, PLAIN, TRANSPOSED, rows, width, to, 1, dout, to, w, to, 0, d, width);
  for (long i = 0; i < rows * width; i++)
    d[i] *= 1 - h[i] * h[i];
}

/* The loss of the logits z; with `back` they are overwritten by their cotangent. */
static double cross_entropy(REAL *restrict z, const REAL *restrict labels, long rows, long classes, int back) {
  double value = 0;
  for (long r = 0; r < rows; r++, z += classes, labels += classes) {
    REAL top = z[0], sum = 0, count = 0;
    for (long j = 1; j < classes; j++)
      top = z[j] > top ? z[j] : top;
    for (long j = 0; j < classes; j++)
      sum += EXP(z[j] - top);
    REAL log_sum = LOG(sum);
    for (long j = 0; j < classes; j++) {
      value -= labels[j] * (z[j] - top - log_sum);
      count += labels[j];
    }
    if (back)
      for (long j = 0; j < classes; j++)
        z[j] = (count * EXP(z[j] - top) / sum - labels[j]) / rows;
  }
  return value / rows;
}

/* size: inputs, first and second hidden width, classes. work: rows (size[1] + size[2] + size[3]) */
double mlp_primal(const REAL *w1, const REAL *b1, const REAL *w2, const REAL *b2, const REAL *w3, const REAL *b3,
                  const REAL *x, const REAL *labels, long rows, const long *size, REAL *work) {
  REAL *h1 = work, *h2 = h1 + rows * size[1], *z = h2 + rows * size[2];
  layer(x, w1, b1, h1, rows, size[0], size[1], 1);
  layer(h1, w2, b2, h2, rows, size[1], size[2], 1);
  layer(h2, w3, b3, z, rows, size[2], size[3], 0);
  return cross_entropy(z, labels, rows, size[3], 0);
}

/* work: rows (2 size[1] + 2 size[2] + size[3]) */
double mlp_gradient(const REAL *w1, const REAL *b1, const REAL *w2, const REAL *b2, const REAL *w3, const REAL *b3,
                    const REAL *x, const REAL *labels, long rows, const long *size, REAL *dw1, REAL *db1, REAL *dw2,
                    REAL *db2, REAL *dw3, REAL *db3, REAL *work) {
  REAL *h1 = work, *h2 = h1 + rows * size[1], *z = h2 + rows * size[2];
  REAL *d1 = z + rows * size[3], *d2 = d1 + rows * size[1];
  layer(x, w1, b1, h1, rows, size[0], size[1], 1);
  layer(h1, w2, b2, h2, rows, size[1], size[2], 1);
  layer(h2, w3, b3, z, rows, size[2], size[3], 0);
  double value = cross_entropy(z, labels, rows, size[3], 1);
  layer_back(h2, z, dw3, db3, rows, size[2], size[3]);
  hidden_back(z, w3, h2, d2, rows, size[2], size[3]);
  layer_back(h1, d2, dw2, db2, rows, size[1], size[2]);
  hidden_back(d2, w2, h1, d1, rows, size[1], size[2]);
  layer_back(x, d1, dw1, db1, rows, size[0], size[1]);
  return value;
}
