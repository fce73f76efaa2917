// A libx264 encoder behind one pointer, so that Go holds no C structures.
#ifndef OUTRIDER_X264_ENCODER_H
#define OUTRIDER_X264_ENCODER_H

#include <stddef.h>
#include <stdint.h>

typedef struct outrider_x264 outrider_x264;

// kbps is for 30 pictures a second. NULL when libx264 refuses.
outrider_x264 *outrider_x264_new(int w, int h, int kbps);
int outrider_x264_bitrate(outrider_x264 *e, int kbps);
// pts counts pictures. The packet at *data belongs to the encoder until the next call. Returns its size, 0 for
// none, negative for an error.
int outrider_x264_encode(outrider_x264 *e, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ystride, int cstride,
                         int64_t pts, int force_key, const void **data, int *key);
void outrider_x264_free(outrider_x264 *e);

#endif
