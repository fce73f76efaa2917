//go:build x264

#include "encoder.h"

#include <stdlib.h>
#include <x264.h>

struct outrider_x264 {
  x264_t *codec;
  x264_param_t param;
};

static void rate(x264_param_t *p, int kbps) {
  p->rc.i_bitrate = kbps;
  p->rc.i_vbv_max_bitrate = kbps;
  p->rc.i_vbv_buffer_size = kbps * 6 / 10; // 600 ms: a key frame must not stall a thin line
}

outrider_x264 *outrider_x264_new(int w, int h, int kbps) {
  outrider_x264 *e = calloc(1, sizeof *e);
  if (!e) return NULL;
  x264_param_t *p = &e->param;
  if (x264_param_default_preset(p, "superfast", "zerolatency")) {
    free(e);
    return NULL;
  }
  p->i_log_level = X264_LOG_NONE;
  p->i_width = w;
  p->i_height = h;
  p->i_csp = X264_CSP_I420;
  p->i_threads = 1;
  p->b_sliced_threads = 0;
  p->i_bframe = 0;
  p->i_keyint_max = X264_KEYINT_MAX_INFINITE; // on demand, and where it sees a cut
  p->b_repeat_headers = 1;                    // a viewer may join at any key frame
  p->b_annexb = 1;
  // With time stamps (b_vfr_input) a picture comes out when the next one has told its length.
  // Without, each counts as 1/30 s, and whoever calls scales the rate.
  p->b_vfr_input = 0;
  p->i_fps_num = 30;
  p->i_fps_den = 1;
  p->rc.i_rc_method = X264_RC_ABR;
  p->vui.i_colmatrix = 6; // BT.601
  rate(p, kbps);
  if (x264_param_apply_profile(p, "baseline") || !(e->codec = x264_encoder_open(p))) {
    free(e);
    return NULL;
  }
  return e;
}

int outrider_x264_bitrate(outrider_x264 *e, int kbps) {
  int old = e->param.rc.i_bitrate;
  rate(&e->param, kbps);
  int rc = x264_encoder_reconfig(e->codec, &e->param);
  if (rc) rate(&e->param, old);
  return rc;
}

int outrider_x264_encode(outrider_x264 *e, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ystride, int cstride,
                         int64_t pts, int force_key, const void **data, int *key) {
  x264_picture_t in, out;
  x264_picture_init(&in);
  in.i_type = force_key ? X264_TYPE_IDR : X264_TYPE_AUTO;
  in.i_pts = pts;
  in.img.i_csp = X264_CSP_I420;
  in.img.i_plane = 3;
  in.img.plane[0] = (uint8_t *)y; // copied before the call returns
  in.img.plane[1] = (uint8_t *)u;
  in.img.plane[2] = (uint8_t *)v;
  in.img.i_stride[0] = ystride;
  in.img.i_stride[1] = in.img.i_stride[2] = cstride;
  x264_nal_t *nals;
  int count;
  int size = x264_encoder_encode(e->codec, &nals, &count, &in, &out);
  if (size <= 0) return size;
  *data = nals[0].p_payload; // the units of a picture lie one behind the other
  *key = out.b_keyframe;
  return size;
}

void outrider_x264_free(outrider_x264 *e) {
  if (!e) return;
  x264_encoder_close(e->codec);
  free(e);
}
