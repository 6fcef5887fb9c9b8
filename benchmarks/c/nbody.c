/* Adjoint of benchmarks/nbody.py: positions are kept once a step; forces are computed again. */
#include "adjoint.h"

static double kinetic(const double *v, const double *m, long n) {
  double value = 0;
  for (long i = 0; i < n; i++)
    value += 0.5 * m[i] * (v[3 * i] * v[3 * i] + v[3 * i + 1] * v[3 * i + 1] + v[3 * i + 2] * v[3 * i + 2]);
  return value;
}

static void step(double *restrict x, double *restrict v, const double *restrict m, long n, double dt, double soft) {
  for (long i = 0; i < n; i++) {
    double ax = 0, ay = 0, az = 0, xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
#pragma omp simd reduction(+ : ax, ay, az)
    for (long j = 0; j < n; j++) {
      double rx = x[3 * j] - xi, ry = x[3 * j + 1] - yi, rz = x[3 * j + 2] - zi;
      double r2 = rx * rx + ry * ry + rz * rz + soft;
      double w = m[j] / (r2 * sqrt(r2));
      ax += w * rx;
      ay += w * ry;
      az += w * rz;
    }
    v[3 * i] += dt * ax;
    v[3 * i + 1] += dt * ay;
    v[3 * i + 2] += dt * az;
  }
  for (long i = 0; i < 3 * n; i++)
    x[i] += dt * v[i];
}

/* work: 6 n */
double nbody_primal(const double *x0, const double *v0, const double *m, long n, long steps, double dt, double soft,
                    double *work) {
  double *x = work, *v = work + 3 * n;
  memcpy(x, x0, 3 * n * sizeof(double));
  memcpy(v, v0, 3 * n * sizeof(double));
  for (long t = 0; t < steps; t++)
    step(x, v, m, n, dt, soft);
  return kinetic(v, m, n);
}

/* The adjoint of the accelerations: a = dt dv is the cotangent of each; adds to dx and dm. */
static void back(const double *restrict x, const double *restrict m, const double *restrict dv, double *restrict dx,
                 double *restrict dm, long n, double dt, double soft) {
  for (long i = 0; i < n; i++) {
    double gx = dt * dv[3 * i], gy = dt * dv[3 * i + 1], gz = dt * dv[3 * i + 2];
    double xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2], sx = 0, sy = 0, sz = 0;
#pragma omp simd reduction(+ : sx, sy, sz)
    for (long j = 0; j < n; j++) {
      double rx = x[3 * j] - xi, ry = x[3 * j + 1] - yi, rz = x[3 * j + 2] - zi;
      double r2 = rx * rx + ry * ry + rz * rz + soft;
      double c = 1 / (r2 * sqrt(r2)), w = m[j] * c;
      double along = gx * rx + gy * ry + gz * rz;
      double q = -3 * along * w / r2; /* dr2 is q / 2 */
      double ex = w * gx + q * rx, ey = w * gy + q * ry, ez = w * gz + q * rz;
      dm[j] += along * c;
      dx[3 * j] += ex;
      dx[3 * j + 1] += ey;
      dx[3 * j + 2] += ez;
      sx += ex;
      sy += ey;
      sz += ez;
    }
    dx[3 * i] -= sx;
    dx[3 * i + 1] -= sy;
    dx[3 * i + 2] -= sz;
  }
}

/* work: (steps + 1) 3 n + 6 n */
double nbody_gradient(const double *x0, const double *v0, const double *m, long n, long steps, double dt, double soft,
                      double *dx, double *dm, double *work) {
  double *v = work, *dv = work + 3 * n, *kept = work + 6 * n;
  memcpy(kept, x0, 3 * n * sizeof(double));
  memcpy(v, v0, 3 * n * sizeof(double));
  for (long t = 0; t < steps; t++) {
    memcpy(kept + 3 * n * (t + 1), kept + 3 * n * t, 3 * n * sizeof(double));
    step(kept + 3 * n * (t + 1), v, m, n, dt, soft);
  }
  double value = kinetic(v, m, n);
  memset(dx, 0, 3 * n * sizeof(double));
  for (long i = 0; i < n; i++) {
    dm[i] = 0.5 * (v[3 * i] * v[3 * i] + v[3 * i + 1] * v[3 * i + 1] + v[3 * i + 2] * v[3 * i + 2]);
    for (long c = 3 * i; c < 3 * i + 3; c++)
      dv[c] = m[i] * v[c];
  }
  for (long t = steps; t-- > 0;) {
    for (long i = 0; i < 3 * n; i++)
      dv[i] += dt * dx[i];
    back(kept + 3 * n * t, m, dv, dx, dm, n, dt, soft);
  }
  return value;
}
