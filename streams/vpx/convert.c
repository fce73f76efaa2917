#include "convert.h"

#include <stddef.h>
#include <string.h>

// One build for every x86-64 and a faster one for those with AVX2, chosen when the program
// starts; other machines (arm64 has NEON always) need no choice.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif

// BT.601, limited range, in 8-bit fixed point (the coefficients of ITU-R BT.601 times 256):
//   Y =  16 + ( 66 R + 129 G +  25 B) / 256
//   U = 128 + (-38 R -  74 G + 112 B) / 256
//   V = 128 + (112 R -  94 G -  18 B) / 256
// Every sum fits 16 bits, which doubles the pixels in a vector.

// Two rows of BGR to two rows of Y and one of U and V. The planes of colours in scratch make
// plain loops of what follows, which the compiler turns into vectors.
CLONES static void two_rows(const uint8_t *restrict r0, const uint8_t *restrict r1, int w, uint8_t *restrict y0, uint8_t *restrict y1,
                            uint8_t *restrict u, uint8_t *restrict v, uint8_t *restrict scratch) {
  uint8_t *restrict b0 = scratch, *restrict g0 = b0 + w, *restrict c0 = g0 + w;
  uint8_t *restrict b1 = c0 + w, *restrict g1 = b1 + w, *restrict c1 = g1 + w;
  for (int i = 0; i < w; i++) {
    b0[i] = r0[3 * i];
    g0[i] = r0[3 * i + 1];
    c0[i] = r0[3 * i + 2];
  }
  for (int i = 0; i < w; i++) {
    b1[i] = r1[3 * i];
    g1[i] = r1[3 * i + 1];
    c1[i] = r1[3 * i + 2];
  }
  for (int i = 0; i < w; i++) y0[i] = (uint8_t)(((uint16_t)(66 * c0[i] + 129 * g0[i] + 25 * b0[i] + 128) >> 8) + 16);
  for (int i = 0; i < w; i++) y1[i] = (uint8_t)(((uint16_t)(66 * c1[i] + 129 * g1[i] + 25 * b1[i] + 128) >> 8) + 16);
  for (int i = 0; i < w / 2; i++) {
    int16_t b = (int16_t)((b0[2 * i] + b0[2 * i + 1] + b1[2 * i] + b1[2 * i + 1] + 2) >> 2);
    int16_t g = (int16_t)((g0[2 * i] + g0[2 * i + 1] + g1[2 * i] + g1[2 * i + 1] + 2) >> 2);
    int16_t r = (int16_t)((c0[2 * i] + c0[2 * i + 1] + c1[2 * i] + c1[2 * i + 1] + 2) >> 2);
    u[i] = (uint8_t)(((int16_t)(112 * b - 74 * g - 38 * r + 128) >> 8) + 128);
    v[i] = (uint8_t)(((int16_t)(112 * r - 94 * g - 18 * b + 128) >> 8) + 128);
  }
}

void outrider_bgr_i420(const uint8_t *bgr, int stride, int w, int h, uint8_t *y, uint8_t *u, uint8_t *v, uint8_t *scratch) {
  for (int j = 0; j < h; j += 2) {
    const uint8_t *row = bgr + (size_t)j * stride;
    two_rows(row, row + stride, w, y + (size_t)j * w, y + (size_t)(j + 1) * w, u + (size_t)(j / 2) * (w / 2), v + (size_t)(j / 2) * (w / 2),
             scratch);
  }
}

CLONES static void add_row(uint32_t *restrict acc, const uint8_t *restrict row, int n, uint32_t weight) {
  for (int i = 0; i < n; i++) acc[i] += weight * row[i];
}

// One row of w pixels out of source rows [top, top + n/65536) of height sh/h, by exact area
// means: vertically into acc with weights that sum to 65536, then along the row.
static void scaled_row(const uint8_t *bgr, int stride, int sw, int sh, int w, int h, int j, uint32_t *acc, uint8_t *out) {
  int64_t from = (int64_t)j * sh * 65536 / h, to = (int64_t)(j + 1) * sh * 65536 / h;
  uint32_t left = 65536;
  memset(acc, 0, (size_t)sw * 3 * sizeof *acc);
  for (int64_t at = from; at < to;) {
    int64_t row = at >> 16, end = (row + 1) << 16;
    if (end > to) end = to;
    uint32_t weight = end == to ? left : (uint32_t)((end - at) * 65536 / (to - from));
    left -= weight;
    add_row(acc, bgr + (size_t)row * stride, sw * 3, weight);
    at = end;
  }
  int64_t span = 0, x1 = 0;
  double scale = 0;
  for (int i = 0; i < w; i++) {
    int64_t x0 = x1;
    x1 = (int64_t)(i + 1) * sw * 256 / w;
    uint64_t b = 0, g = 0, r = 0; // each at most 255 * 65536 * 256 * sw/w
    for (int64_t at = x0; at < x1;) {
      int64_t px = at >> 8, end = (px + 1) << 8;
      if (end > x1) end = x1;
      uint32_t wgt = (uint32_t)(end - at);
      const uint32_t *p = acc + 3 * px;
      b += (uint64_t)wgt * p[0];
      g += (uint64_t)wgt * p[1];
      r += (uint64_t)wgt * p[2];
      at = end;
    }
    if (x1 - x0 != span) {
      span = x1 - x0;
      scale = 1. / ((double)span * 65536.);
    }
    out[3 * i] = (uint8_t)((double)b * scale + .5);
    out[3 * i + 1] = (uint8_t)((double)g * scale + .5);
    out[3 * i + 2] = (uint8_t)((double)r * scale + .5);
  }
}

void outrider_bgr_i420_scaled(const uint8_t *bgr, int stride, int sw, int sh, int w, int h, uint8_t *y, uint8_t *u, uint8_t *v,
                              uint8_t *scratch) {
  uint32_t *acc = (uint32_t *)scratch;
  uint8_t *rows = scratch + (size_t)sw * 3 * sizeof *acc, *planes = rows + (size_t)w * 6;
  for (int j = 0; j < h; j += 2) {
    scaled_row(bgr, stride, sw, sh, w, h, j, acc, rows);
    scaled_row(bgr, stride, sw, sh, w, h, j + 1, acc, rows + (size_t)w * 3);
    two_rows(rows, rows + (size_t)w * 3, w, y + (size_t)j * w, y + (size_t)(j + 1) * w, u + (size_t)(j / 2) * (w / 2),
             v + (size_t)(j / 2) * (w / 2), planes);
  }
}
