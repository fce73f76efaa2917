// Package models holds the weights that outrider carries with it and the list of those it
// knows.
//
// [Default] is the embedded segment-everything network, checked against its SHA-256.
// [Catalogue] lists models with licence, size and checksum. The networks themselves run in
// the packages below: ort (ONNX Runtime), fastsam (segments), clip (text), levels (parts and
// wholes).
package models
