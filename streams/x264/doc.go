// Package x264 encodes H.264 for live video with libx264, one packet for each picture, with the
// interface of streams/vpx.
//
// It is there for players without VP8 and for hardware that decodes H.264 only, and it is
// compiled with the build tag x264 alone: libx264 is under the GPL, version 2 or later, and a
// program that links it is under the GPL as a whole.
//
// The stream is constrained baseline (profile 42e01f in SDP), which every browser decodes: no
// B-frames, no look-ahead, parameter sets before each key frame, Annex B start codes.
package x264
