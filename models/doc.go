// Package models holds the weights that outrider carries with it and the list of those it
// knows.
//
// [Default] is the embedded segment-everything network, checked against its SHA-256.
// [Catalogue] lists models with licence, size, checksum and where they come from, out of
// manifest.json; a [Folder] lays a file of the user's over it and knows which models were
// pulled (package pull does that) or put there by hand:
//
//	f, err := models.OpenFolder("", "")
//	e, err := f.Find("mobilesam")
//	files, err := f.Use(e) // ErrNotPulled says what to run
//	m := &sam.Model{EncoderFile: files[models.RoleEncoder], DecoderFile: files[models.RoleDecoder]}
//
// A file whose checksum nobody vouches for is pinned at its first use: the checksum is
// written beside it, and from then on another content is refused.
//
// The networks themselves run in the packages below: ort (ONNX Runtime), fastsam (segments),
// sam (encoder and decoder pairs), clip (text), levels (parts and wholes).
package models
