#include "encoder.h"

#include <stdlib.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

struct outrider_vpx {
  vpx_codec_ctx_t codec;
  vpx_codec_enc_cfg_t cfg;
  vpx_image_t image;
};

static int log2_tiles(int w) {
  // A VP9 tile column is at least 256 pixels wide; more than four help nobody here.
  int n = 0;
  while (n < 2 && (w >> (n + 1)) >= 320) n++;
  return n;
}

int outrider_vpx_new(outrider_vpx **out, int vp9, int w, int h, int kbps, int threads, int cpu_used, int key_interval) {
  *out = NULL;
  outrider_vpx *e = calloc(1, sizeof *e);
  if (!e) return VPX_CODEC_MEM_ERROR;
  vpx_codec_iface_t *iface = vp9 ? vpx_codec_vp9_cx() : vpx_codec_vp8_cx();
  int rc = vpx_codec_enc_config_default(iface, &e->cfg, 0);
  if (rc) {
    free(e);
    return rc;
  }
  vpx_codec_enc_cfg_t *c = &e->cfg;
  c->g_w = w;
  c->g_h = h;
  c->g_threads = threads;
  // RTP ticks: with a coarser base the rate control would guess the frame rate.
  c->g_timebase.num = 1;
  c->g_timebase.den = 90000;
  c->g_pass = VPX_RC_ONE_PASS;
  c->g_lag_in_frames = 0;   // a packet out for each picture in
  c->g_error_resilient = 0; // losses are mended by retransmission or a key frame
  c->rc_end_usage = VPX_CBR;
  c->rc_target_bitrate = kbps;
  c->rc_dropframe_thresh = 0; // metadata is keyed by frame: each one must come out
  c->rc_min_quantizer = 2;
  c->rc_max_quantizer = 60; // coarse pictures rather than a late one on a thin line
  c->rc_undershoot_pct = 100;
  c->rc_overshoot_pct = 15;
  c->rc_buf_initial_sz = 500; // ms
  c->rc_buf_optimal_sz = 600;
  c->rc_buf_sz = 1000;
  // VPX_KF_AUTO with a distance out of reach lets the encoder start anew at a cut only.
  c->kf_mode = VPX_KF_AUTO;
  c->kf_min_dist = 0;
  c->kf_max_dist = key_interval > 0 ? (unsigned)key_interval : 1u << 30;
  rc = vpx_codec_enc_init(&e->codec, iface, c, 0);
  if (rc) {
    free(e);
    return rc;
  }
  vpx_codec_control(&e->codec, VP8E_SET_CPUUSED, cpu_used);
  vpx_codec_control(&e->codec, VP8E_SET_STATIC_THRESHOLD, 1);
  // A key frame of at most three times the mean frame's bits: more would stall a thin line.
  vpx_codec_control(&e->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, 300);
  if (vp9) {
    vpx_codec_control(&e->codec, VP9E_SET_AQ_MODE, 3); // cyclic refresh: an even rate without key frames
    vpx_codec_control(&e->codec, VP9E_SET_ROW_MT, threads > 1);
    vpx_codec_control(&e->codec, VP9E_SET_TILE_COLUMNS, log2_tiles(w));
    vpx_codec_control(&e->codec, VP9E_SET_COLOR_SPACE, VPX_CS_BT_601);
    vpx_codec_control(&e->codec, VP9E_SET_COLOR_RANGE, VPX_CR_STUDIO_RANGE);
  } else {
    vpx_codec_control(&e->codec, VP8E_SET_NOISE_SENSITIVITY, 0);
  }
  vpx_img_wrap(&e->image, VPX_IMG_FMT_I420, w, h, 1, (unsigned char *)1); // planes are set for each picture
  *out = e;
  return 0;
}

int outrider_vpx_bitrate(outrider_vpx *e, int kbps) {
  unsigned old = e->cfg.rc_target_bitrate;
  e->cfg.rc_target_bitrate = kbps;
  int rc = vpx_codec_enc_config_set(&e->codec, &e->cfg);
  if (rc) e->cfg.rc_target_bitrate = old;
  return rc;
}

int outrider_vpx_encode(outrider_vpx *e, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ystride, int cstride,
                        int64_t pts, int force_key, const void **data, size_t *size, int *key) {
  vpx_image_t *m = &e->image;
  m->planes[0] = (unsigned char *)y;
  m->planes[1] = (unsigned char *)u;
  m->planes[2] = (unsigned char *)v;
  m->stride[0] = ystride;
  m->stride[1] = m->stride[2] = cstride;
  *size = 0;
  // With a constant duration the rate control sees exactly the distance of the time stamps.
  int rc = vpx_codec_encode(&e->codec, m, pts, 3000, force_key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME);
  m->planes[0] = m->planes[1] = m->planes[2] = NULL; // Go memory: not to be kept
  if (rc) return rc;
  vpx_codec_iter_t it = NULL;
  const vpx_codec_cx_pkt_t *p;
  while ((p = vpx_codec_get_cx_data(&e->codec, &it))) {
    if (p->kind != VPX_CODEC_CX_FRAME_PKT) continue;
    *data = p->data.frame.buf;
    *size = p->data.frame.sz;
    *key = (p->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
  }
  return 0;
}

const char *outrider_vpx_detail(outrider_vpx *e) { return vpx_codec_error_detail(&e->codec); }

const char *outrider_vpx_error(int code) { return vpx_codec_err_to_string((vpx_codec_err_t)code); }

void outrider_vpx_free(outrider_vpx *e) {
  if (!e) return;
  vpx_codec_destroy(&e->codec);
  free(e);
}
