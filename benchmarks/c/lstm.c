/* Adjoint of benchmarks/lstm.py on BLAS: products that don't depend on the loop are one gemm before it, and the
 * gradients of the weights one gemm after it.
 *
 * Per step, z is (batch, 4 hidden): input, forget and output gate, then the candidate; activations overwrite it,
 * and in the way back their cotangents do.
 */
#include "adjoint.h"
#include "blas.h"

/* z of all steps without what depends on h */
static void project(const double *x, const double *w, const double *b, double *restrict z, long rows, long inputs,
                    long width) {
  for (long r = 0; r < rows; r++)
    memcpy(z + r * width, b, width * sizeof(double));
  gemm(ROWS, PLAIN, PLAIN, rows, width, inputs, 1, x, inputs, w, width, 1, z, width);
}

/* c may be `before` */
static void cell(double *z, const double *before, double *c, double *tanh_c, double *h, long batch, long hidden) {
  for (long r = 0; r < batch; r++) {
    double *row = z + 4 * r * hidden, *candidate = row + 3 * hidden;
    for (long j = 0; j < 3 * hidden; j++)
      row[j] = 1 / (1 + exp(-row[j]));
    for (long j = 0; j < hidden; j++)
      candidate[j] = tanh(candidate[j]);
#pragma omp simd
    for (long j = 0; j < hidden; j++) {
      long i = r * hidden + j;
      c[i] = row[hidden + j] * before[i] + row[j] * candidate[j];
      tanh_c[i] = tanh(c[i]);
      h[i] = row[2 * hidden + j] * tanh_c[i];
    }
  }
}

/* dh and dc of the step's results; z becomes its own cotangent, dc that of the state before. */
static void cell_back(double *restrict z, const double *restrict before, const double *restrict tanh_c,
                      const double *restrict dh, double *restrict dc, long batch, long hidden) {
  for (long r = 0; r < batch; r++) {
    double *in = z + 4 * r * hidden, *forget = in + hidden, *out = forget + hidden, *candidate = out + hidden;
    for (long j = 0, i = r * hidden; j < hidden; j++, i++) {
      double a = in[j], f = forget[j], o = out[j], g = candidate[j];
      double d = dc[i] + dh[i] * o * (1 - tanh_c[i] * tanh_c[i]);
      in[j] = d * g * a * (1 - a);
      forget[j] = d * before[i] * f * (1 - f);
      out[j] = dh[i] * tanh_c[i] * o * (1 - o);
      candidate[j] = d * a * (1 - g * g);
      dc[i] = d * f;
    }
  }
}

static double misfit(const double *h, const double *target, long count) {
  double value = 0;
  for (long i = 0; i < count; i++)
    value += (h[i] - target[i]) * (h[i] - target[i]);
  return value;
}

/* size: steps, batch, inputs, hidden. work: steps batch 4 hidden + 3 batch hidden */
double lstm_primal(const double *w, const double *u, const double *b, const double *x, const double *target,
                   const long *size, double *work) {
  long steps = size[0], batch = size[1], inputs = size[2], hidden = size[3], state = batch * hidden;
  double *z = work, *h = z + 4 * steps * state, *c = h + state, *tanh_c = c + state;
  memset(h, 0, 2 * state * sizeof(double));
  project(x, w, b, z, steps * batch, inputs, 4 * hidden);
  for (long t = 0; t < steps; t++, z += 4 * state) {
    gemm(ROWS, PLAIN, PLAIN, batch, 4 * hidden, hidden, 1, h, hidden, u, 4 * hidden, 1, z, 4 * hidden);
    cell(z, c, c, tanh_c, h, batch, hidden);
  }
  return misfit(h, target, state);
}

/* work: (7 steps + 4) batch hidden */
double lstm_gradient(const double *w, const double *u, const double *b, const double *x, const double *target,
                     const long *size, double *dw, double *du, double *db, double *work) {
  long steps = size[0], batch = size[1], inputs = size[2], hidden = size[3], state = batch * hidden;
  double *z = work, *h = z + 4 * steps * state, *c = h + (steps + 1) * state, *tanh_c = c + (steps + 1) * state;
  double *dh = tanh_c + steps * state, *dc = dh + state;
  memset(h, 0, state * sizeof(double));
  memset(c, 0, state * sizeof(double));
  project(x, w, b, z, steps * batch, inputs, 4 * hidden);
  for (long t = 0; t < steps; t++) {
    double *zt = z + 4 * t * state, *ht = h + t * state, *ct = c + t * state;
    gemm(ROWS, PLAIN, PLAIN, batch, 4 * hidden, hidden, 1, ht, hidden, u, 4 * hidden, 1, zt, 4 * hidden);
    cell(zt, ct, ct + state, tanh_c + t * state, ht + state, batch, hidden);
  }
  const double *last = h + steps * state;
  double value = misfit(last, target, state);
  for (long i = 0; i < state; i++)
    dh[i] = 2 * (last[i] - target[i]);
  memset(dc, 0, state * sizeof(double));
  for (long t = steps; t-- > 0;) {
    double *zt = z + 4 * t * state;
    cell_back(zt, c + t * state, tanh_c + t * state, dh, dc, batch, hidden);
    gemm(ROWS, PLAIN, TRANSPOSED, batch, hidden, 4 * hidden, 1, zt, 4 * hidden, u, 4 * hidden, 0, dh, hidden);
  }
  long rows = steps * batch;
  gemm(ROWS, TRANSPOSED, PLAIN, inputs, 4 * hidden, rows, 1, x, inputs, z, 4 * hidden, 0, dw, 4 * hidden);
  gemm(ROWS, TRANSPOSED, PLAIN, hidden, 4 * hidden, rows, 1, h, hidden, z, 4 * hidden, 0, du, 4 * hidden);
  memset(db, 0, 4 * hidden * sizeof(double));
  for (long r = 0; r < rows; r++)
    for (long j = 0; j < 4 * hidden; j++)
      db[j] += z[4 * r * hidden + j];
  return value;
}
