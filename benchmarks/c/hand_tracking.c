/* Adjoint of benchmarks/hand_tracking.py: vertices are moved one by one by one matrix, and give their share of the
 * cotangents at once; then the chains go back. */
#include "adjoint.h"

typedef struct {
  double r[9], t[3];
} bone; /* row by row */

static void rotation(const double *a, double *r, double *s, double *c) {
  for (int i = 0; i < 3; i++) {
    s[i] = sin(a[i]);
    c[i] = cos(a[i]);
  }
  double made[9] = {c[1] * c[2], s[0] * s[1] * c[2] - c[0] * s[2], c[0] * s[1] * c[2] + s[0] * s[2],
                    c[1] * s[2], s[0] * s[1] * s[2] + c[0] * c[2], c[0] * s[1] * s[2] - s[0] * c[2],
                    -s[1],       s[0] * c[1],                      c[0] * c[1]};
  memcpy(r, made, sizeof made);
}

static void rotation_back(const double *s, const double *c, const double *d, double *da) {
  double yz = d[1] * c[2] + d[4] * s[2], xz = d[2] * c[2] + d[5] * s[2];
  da[0] = c[0] * s[1] * yz - s[0] * s[1] * xz + s[0] * (d[1] * s[2] - d[4] * c[2]) +
          c[0] * (d[2] * s[2] - d[5] * c[2]) + c[0] * c[1] * d[7] - s[0] * c[1] * d[8];
  da[1] = -s[1] * (c[2] * d[0] + s[2] * d[3]) + s[0] * c[1] * yz + c[0] * c[1] * xz - c[1] * d[6] - s[0] * s[1] * d[7] -
          c[0] * s[1] * d[8];
  da[2] = c[1] * (c[2] * d[3] - s[2] * d[0]) + s[0] * s[1] * (c[2] * d[4] - s[2] * d[1]) -
          c[0] * (c[2] * d[1] + s[2] * d[4]) + c[0] * s[1] * (c[2] * d[5] - s[2] * d[2]) +
          s[0] * (c[2] * d[2] + s[2] * d[5]);
}

/* out = a b, a' b or a b' */
static void product(const double *a, const double *b, double *out) {
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}

static void product_ta(const double *a, const double *b, double *out) {
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      out[3 * i + j] = a[i] * b[j] + a[3 + i] * b[3 + j] + a[6 + i] * b[6 + j];
}

static void add_product_tb(const double *a, const double *b, double *out) {
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      out[3 * i + j] += a[3 * i] * b[3 * j] + a[3 * i + 1] * b[3 * j + 1] + a[3 * i + 2] * b[3 * j + 2];
}

static void chains(const double *angles, const double *offsets, const long *parents, long bones, bone *all, double *own,
                   double *trig) {
  for (long b = 0; b < bones; b++) {
    rotation(angles + 3 * b, own + 9 * b, trig + 6 * b, trig + 6 * b + 3);
    if (parents[b] < 0) {
      memcpy(all[b].r, own + 9 * b, sizeof all[b].r);
      memcpy(all[b].t, offsets + 3 * b, sizeof all[b].t);
      continue;
    }
    const bone *up = all + parents[b];
    product(up->r, own + 9 * b, all[b].r);
    for (int i = 0; i < 3; i++)
      all[b].t[i] = up->t[i] + up->r[3 * i] * offsets[3 * b] + up->r[3 * i + 1] * offsets[3 * b + 1] +
                    up->r[3 * i + 2] * offsets[3 * b + 2];
  }
}

/* With `d`, adds the cotangents of the bones. */
static double skinned(const bone *all, const double *skin, const double *weights, const double *seen, long n,
                      long bones, bone *d) {
  double value = 0;
  for (long v = 0; v < n; v++, skin += 3, seen += 3, weights += bones) {
    double m[12] = {0}, away[12];
    for (long b = 0; b < bones; b++)
      for (int i = 0; i < 12; i++)
        m[i] += weights[b] * ((const double *)(all + b))[i];
    for (int i = 0; i < 3; i++) {
      double moved = m[3 * i] * skin[0] + m[3 * i + 1] * skin[1] + m[3 * i + 2] * skin[2] + m[9 + i];
      double apart = moved - seen[i];
      value += apart * apart;
      away[9 + i] = 2 * apart;
      for (int j = 0; j < 3; j++)
        away[3 * i + j] = 2 * apart * skin[j];
    }
    if (d)
      for (long b = 0; b < bones; b++)
        for (int i = 0; i < 12; i++)
          ((double *)(d + b))[i] += weights[b] * away[i];
  }
  return value;
}

/* work: 42 bones, here and below */
double hand_tracking_primal(const double *angles, const double *offsets, const double *skin, const double *weights,
                            const double *seen, const long *parents, long n, long bones, double *work) {
  bone *all = (bone *)work;
  double *own = work + 24 * bones;
  chains(angles, offsets, parents, bones, all, own, own + 9 * bones);
  return skinned(all, skin, weights, seen, n, bones, NULL);
}

double hand_tracking_gradient(const double *angles, const double *offsets, const double *skin, const double *weights,
                              const double *seen, const long *parents, long n, long bones, double *dangles,
                              double *doffsets, double *work) {
  bone *all = (bone *)work, *d = all + bones;
  double *own = work + 24 * bones, *trig = own + 9 * bones, turned[9];
  chains(angles, offsets, parents, bones, all, own, trig);
  memset(d, 0, bones * sizeof *d);
  double value = skinned(all, skin, weights, seen, n, bones, d);
  for (long b = bones; b-- > 0;) {
    const double *drot = d[b].r;
    memcpy(doffsets + 3 * b, d[b].t, sizeof d[b].t);
    if (parents[b] >= 0) {
      const bone *up = all + parents[b];
      bone *dup = d + parents[b];
      add_product_tb(d[b].r, own + 9 * b, dup->r);
      for (int i = 0; i < 3; i++) {
        dup->t[i] += d[b].t[i];
        for (int j = 0; j < 3; j++)
          dup->r[3 * i + j] += d[b].t[i] * offsets[3 * b + j];
        doffsets[3 * b + i] = up->r[i] * d[b].t[0] + up->r[3 + i] * d[b].t[1] + up->r[6 + i] * d[b].t[2];
      }
      product_ta(up->r, d[b].r, turned);
      drot = turned;
    }
    rotation_back(trig + 6 * b, trig + 6 * b + 3, drot, dangles + 3 * b);
  }
  return value;
}
