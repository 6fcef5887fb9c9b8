/* The part of CBLAS that is used, with 32-bit integers; BLAS(name) is the name in the library. */
#ifndef BLAS_H
#define BLAS_H

enum { ROWS = 101, PLAIN = 111, TRANSPOSED = 112 };

#ifdef REAL_IS_FLOAT
#define gemm BLAS(sgemm)
#else
#define gemm BLAS(dgemm)
#endif

void gemm(int order, int trans_a, int trans_b, int m, int n, int k, REAL alpha, const REAL *a, int lda,
          const REAL *b, int ldb, REAL beta, REAL *c, int ldc);

#endif
