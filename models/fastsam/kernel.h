#include <stdint.h>

// Writes w x h pixels of 8-bit BGR (rows of stride bytes) as three float planes R, G, B in
// 0..1; rows of a plane are pitch floats apart, planes are plane floats apart.
void outrider_pack(const uint8_t *src, int64_t stride, int64_t w, int64_t h, float *dst, int64_t pitch, int64_t plane);

// Writes the bits (sum over k of coef[k]*proto[k][y][x] > 0) for x0 <= x < x1, y0 <= y < y1:
// each row takes (x1-x0+63)/64 words, bit i of word j is the cell x0+64*j+i. Returns how many
// bits are set. proto must be readable for 64 floats behind its end.
int64_t outrider_mask(const float *proto, int64_t pitch, int64_t plane, const float *coef, int64_t n, int64_t x0, int64_t x1, int64_t y0, int64_t y1, uint64_t *words);

// Writes the sums themselves as floats, x1-x0 a row.
void outrider_logits(const float *proto, int64_t pitch, int64_t plane, const float *coef, int64_t n, int64_t x0, int64_t x1, int64_t y0, int64_t y1, float *dst);
