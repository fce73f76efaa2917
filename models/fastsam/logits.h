#include <stdint.h>

// outrider_mask sets, in words (rows of stride 64-bit words, window x0..x1 by y0..y1), the cells
// where the sum over k of coeff[k] * proto[k][y][x] is above 0. proto is nm planes of h x w;
// row is scratch for w floats. Returns the number of set cells.
int outrider_mask(const float *proto, int w, int h, int nm, const float *coeff,
                  int x0, int y0, int x1, int y1, uint64_t *words, int stride, float *row);
