#ifndef OUTRIDER_VPX_CONVERT_H
#define OUTRIDER_VPX_CONVERT_H

#include <stdint.h>

// Both need 16 bytes of scratch for each pixel of a source row and 12 for each of a target row,
// aligned to 4.

// BGR (rows of stride bytes) to I420 planes of even w x h, tight.
void outrider_bgr_i420(const uint8_t *bgr, int stride, int w, int h, uint8_t *y, uint8_t *u, uint8_t *v, uint8_t *scratch);

// The same, and smaller: sw x sh to w x h by the mean of the area that each pixel covers.
void outrider_bgr_i420_scaled(const uint8_t *bgr, int stride, int sw, int sh, int w, int h, uint8_t *y, uint8_t *u, uint8_t *v,
                              uint8_t *scratch);

#endif
