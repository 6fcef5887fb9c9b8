/* Adjoint of benchmarks/lorenz.py: the state at each stage is kept: to compute stages again would wait for one
 * another as long as the way back does. */
#include "adjoint.h"

/* GCC would pack x and y into a vector and unpack it again, all in the chain that everything waits for. */
#pragma GCC optimize("no-tree-slp-vectorize")

typedef struct {
  double x, y, z;
} vec;

static inline vec rhs(const double *p, vec s) {
  return (vec){p[0] * (s.y - s.x), s.x * (p[1] - s.z) - s.y, s.x * s.y - p[2] * s.z};
}

static inline vec moved(vec s, double h, vec k) {
  return (vec){s.x + h * k.x, s.y + h * k.y, s.z + h * k.z};
}

static inline vec scaled(double h, vec k) { return (vec){h * k.x, h * k.y, h * k.z}; }

static inline vec sum(vec a, vec b) { return (vec){a.x + b.x, a.y + b.y, a.z + b.z}; }

static inline vec weighted(double h, vec s, vec k1, vec k2, vec k3, vec k4) {
  return (vec){s.x + h / 6 * (k1.x + 2 * k2.x + 2 * k3.x + k4.x),
               s.y + h / 6 * (k1.y + 2 * k2.y + 2 * k3.y + k4.y),
               s.z + h / 6 * (k1.z + 2 * k2.z + 2 * k3.z + k4.z)};
}

/* The adjoint of k = rhs(p, s): adds to dp, gives what is added to ds. */
static inline vec rhs_back(const double *p, vec s, vec dk, double *dp) {
  dp[0] += dk.x * (s.y - s.x);
  dp[1] += dk.y * s.x;
  dp[2] -= dk.z * s.z;
  return (vec){-p[0] * dk.x + (p[1] - s.z) * dk.y + s.y * dk.z, p[0] * dk.x - dk.y + s.x * dk.z,
               -s.x * dk.y - p[2] * dk.z};
}

double lorenz_primal(const double *p, long steps, double h) {
  vec s = {1, 1, 1};
  for (long t = 0; t < steps; t++) {
    vec k1 = rhs(p, s);
    vec k2 = rhs(p, moved(s, h / 2, k1));
    vec k3 = rhs(p, moved(s, h / 2, k2));
    vec k4 = rhs(p, moved(s, h, k3));
    s = weighted(h, s, k1, k2, k3, k4);
  }
  return s.x * s.x + s.y * s.y + s.z * s.z;
}

double lorenz_gradient(const double *p, long steps, double h, double *gradient, double *work) {
  vec s = {1, 1, 1}, *kept = (vec *)work;
  for (long t = 0; t < steps; t++) {
    vec s1 = s, k1 = rhs(p, s1);
    vec s2 = moved(s1, h / 2, k1), k2 = rhs(p, s2);
    vec s3 = moved(s1, h / 2, k2), k3 = rhs(p, s3);
    vec s4 = moved(s1, h, k3), k4 = rhs(p, s4);
    s = weighted(h, s1, k1, k2, k3, k4);
    kept[4 * t] = s1;
    kept[4 * t + 1] = s2;
    kept[4 * t + 2] = s3;
    kept[4 * t + 3] = s4;
  }
  double value = s.x * s.x + s.y * s.y + s.z * s.z;
  double dp[3] = {0, 0, 0};
  vec d = {2 * s.x, 2 * s.y, 2 * s.z};
  for (long t = steps; t-- > 0;) {
    vec third = scaled(h / 3, d), sixth = scaled(h / 6, d);
    vec d4 = rhs_back(p, kept[4 * t + 3], sixth, dp);
    vec d3 = rhs_back(p, kept[4 * t + 2], moved(third, h, d4), dp);
    vec d2 = rhs_back(p, kept[4 * t + 1], moved(third, h / 2, d3), dp);
    vec d1 = rhs_back(p, kept[4 * t], moved(sixth, h / 2, d2), dp);
    d = sum(sum(sum(sum(d, d4), d3), d2), d1);
  }
  memcpy(gradient, dp, sizeof dp);
  return value;
}
