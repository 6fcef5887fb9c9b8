/* Adjoints of benchmarks/scalars.py. */
#include "adjoint.h"

double rosenbrock_primal(double x, double y) { return (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x); }

double rosenbrock_gradient(double x, double y, double *dx, double *dy) {
  double away = y - x * x;
  *dx = -2 * (1 - x) - 400 * x * away;
  *dy = 200 * away;
  return (1 - x) * (1 - x) + 100 * away * away;
}

double haversine_primal(double latitude, double longitude, double other_latitude, double other_longitude) {
  double s = sin((other_latitude - latitude) / 2), t = sin((other_longitude - longitude) / 2);
  return 2 * asin(sqrt(s * s + cos(latitude) * cos(other_latitude) * t * t));
}

double haversine_gradient(double latitude, double longitude, double other_latitude, double other_longitude, double *d) {
  double half = (other_latitude - latitude) / 2, across = (other_longitude - longitude) / 2;
  double s = sin(half), t = sin(across), c = cos(latitude), k = cos(other_latitude);
  double h = s * s + c * k * t * t, root = sqrt(h), by_h = 1 / (root * sqrt(1 - h));
  double along = by_h * s * cos(half), turned = by_h * c * k * t * cos(across);
  d[0] = -along - by_h * sin(latitude) * k * t * t;
  d[1] = -turned;
  d[2] = along - by_h * c * sin(other_latitude) * t * t;
  d[3] = turned;
  return 2 * asin(root);
}
