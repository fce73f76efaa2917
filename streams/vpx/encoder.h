// A libvpx encoder behind one pointer, so that Go holds no C structures.
#ifndef OUTRIDER_VPX_ENCODER_H
#define OUTRIDER_VPX_ENCODER_H

#include <stddef.h>
#include <stdint.h>

typedef struct outrider_vpx outrider_vpx;

// Timestamps are in 1/90000 s. All return a vpx_codec_err_t as int, 0 for success.
int outrider_vpx_new(outrider_vpx **out, int vp9, int w, int h, int kbps, int threads, int cpu_used, int key_interval);
int outrider_vpx_bitrate(outrider_vpx *e, int kbps);
// The packet at *data belongs to the encoder until the next call; *size is 0 when there is none.
int outrider_vpx_encode(outrider_vpx *e, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ystride, int cstride,
                        int64_t pts, int force_key, const void **data, size_t *size, int *key);
const char *outrider_vpx_detail(outrider_vpx *e);
const char *outrider_vpx_error(int code);
void outrider_vpx_free(outrider_vpx *e);

#endif
