// Package vpx encodes VP8 and VP9 for live video with libvpx, and makes the I420 pictures
// that it takes out of BGR frames.
//
//	Converter   BGR -> I420 (BT.601, limited range), smaller if wished
//	Encoder     I420 -> Packet, one packet for each picture, at a constant bit rate
//
// The encoder is set up for conversation, not for archives: no look-ahead, no alternate
// reference frames, key frames on demand, a bit rate that can change from picture to picture,
// and true time stamps, so that the rate holds at any frame rate. Every setting that differs
// from libvpx's default has its reason beside it in encoder.c.
//
// The package is a leaf: it knows codecs and nothing of cameras or networks. It does not
// decode (vpxtest does, for tests) and does not mux.
package vpx
