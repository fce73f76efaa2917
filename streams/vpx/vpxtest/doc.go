// Package vpxtest decodes VP8 and VP9 with libvpx, so that tests can look at what an encoder
// or a stream has sent. Nothing but tests uses it.
//
// Only tests import it.
package vpxtest
