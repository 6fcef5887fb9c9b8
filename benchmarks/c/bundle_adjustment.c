/* The Jacobian of benchmarks/bundle_adjustment.py, observation by observation. */
#define _GNU_SOURCE
#include "adjoint.h"

static void cross(const double *a, const double *b, double *out) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

static double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* p = x rotated by r; dx = dp/dx and dr = dp/dr by rows, unless they are null */
static void rotate(const double *r, const double *x, double *p, double (*dx)[3], double (*dr)[3]) {
  double square = dot(r, r), turned[3];
  if (square == 0) {
    cross(r, x, turned);
    for (int i = 0; i < 3; i++)
      p[i] = x[i] + turned[i];
    if (dx) {
      double one[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
      double by[3][3] = {{0, x[2], -x[1]}, {-x[2], 0, x[0]}, {x[1], -x[0], 0}};
      memcpy(dx, one, sizeof one);
      memcpy(dr, by, sizeof by);
    }
    return;
  }
  double angle = sqrt(square), s, c;
  sincos(angle, &s, &c);
  double v[3] = {r[0] / angle, r[1] / angle, r[2] / angle}, along = dot(v, x), rest = 1 - c;
  cross(v, x, turned);
  for (int i = 0; i < 3; i++)
    p[i] = c * x[i] + s * turned[i] + rest * along * v[i];
  if (!dx)
    return;
  double sv[3] = {s * v[0], s * v[1], s * v[2]};
  double skew[3][3] = {{0, -sv[2], sv[1]}, {sv[2], 0, -sv[0]}, {-sv[1], sv[0], 0}};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      dx[i][j] = skew[i][j] + rest * v[i] * v[j] + (i == j ? c : 0);
  /* by the angle, and by the axis, which turns without its own part */
  for (int j = 0; j < 3; j++) {
    double d[3], moved[3];
    for (int i = 0; i < 3; i++)
      d[i] = ((i == j) - v[i] * v[j]) / angle;
    cross(d, x, moved);
    double inner = dot(d, x);
    for (int i = 0; i < 3; i++)
      dr[i][j] = v[j] * (-s * x[i] + c * turned[i] + s * along * v[i]) + s * moved[i] +
                 rest * (along * d[i] + inner * v[i]);
  }
}

double bundle_adjustment_primal(const double *cameras, const double *points, const double *weights,
                                const double *places, const long *views, long n, double *restrict out) {
  for (long o = 0; o < n; o++) {
    const double *camera = cameras + 11 * views[2 * o], *point = points + 3 * views[2 * o + 1];
    double x[3], p[3];
    for (int i = 0; i < 3; i++)
      x[i] = point[i] - camera[3 + i];
    rotate(camera, x, p, NULL, NULL);
    double a = p[0] / p[2], b = p[1] / p[2], square = a * a + b * b;
    double scale = camera[6] * (1 + camera[9] * square + camera[10] * square * square);
    out[2 * o] = weights[o] * (scale * a + camera[7] - places[2 * o]);
    out[2 * o + 1] = weights[o] * (scale * b + camera[8] - places[2 * o + 1]);
  }
  return 0;
}

/* blocks: n 2 11 by the camera, n 2 3 by the point, n 2 by the weight */
double bundle_adjustment_jacobian(const double *cameras, const double *points, const double *weights,
                                  const double *places, const long *views, long n, double *restrict out,
                                  double *restrict by_camera, double *restrict by_point, double *restrict by_weight) {
  for (long o = 0; o < n; o++) {
    const double *camera = cameras + 11 * views[2 * o], *point = points + 3 * views[2 * o + 1];
    double x[3], p[3], dx[3][3], dr[3][3], w = weights[o];
    for (int i = 0; i < 3; i++)
      x[i] = point[i] - camera[3 + i];
    rotate(camera, x, p, dx, dr);
    double z = 1 / p[2], flat[2] = {p[0] * z, p[1] * z}, square = flat[0] * flat[0] + flat[1] * flat[1];
    double f = camera[6], distortion = 1 + camera[9] * square + camera[10] * square * square;
    double slope = 2 * (camera[9] + 2 * camera[10] * square);
    for (int k = 0; k < 2; k++, by_camera += 11, by_point += 3) {
      double a = w * f * (k == 0 ? distortion : 0) + w * f * slope * flat[k] * flat[0];
      double b = w * f * (k == 1 ? distortion : 0) + w * f * slope * flat[k] * flat[1];
      double by_p[3] = {a * z, b * z, -(a * flat[0] + b * flat[1]) * z};
      for (int j = 0; j < 3; j++) {
        by_camera[j] = by_p[0] * dr[0][j] + by_p[1] * dr[1][j] + by_p[2] * dr[2][j];
        by_point[j] = by_p[0] * dx[0][j] + by_p[1] * dx[1][j] + by_p[2] * dx[2][j];
        by_camera[3 + j] = -by_point[j];
      }
      by_camera[6] = w * distortion * flat[k];
      by_camera[7] = k == 0 ? w : 0;
      by_camera[8] = k == 1 ? w : 0;
      by_camera[9] = w * f * square * flat[k];
      by_camera[10] = w * f * square * square * flat[k];
      *by_weight = f * distortion * flat[k] + camera[7 + k] - places[2 * o + k];
      *out++ = w * *by_weight++;
    }
  }
  return 0;
}
