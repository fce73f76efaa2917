// Package resample resizes 8-bit pictures as PIL does: separable, antialiased when shrinking,
// in PIL's fixed point, equal bit for bit. Networks that were trained on PIL's pictures
// (CLIP, the SAM family) answer worse to others, and OpenCV has no such filter.
//
// [Axis] is one dimension; a caller filters the rows it needs with one and the columns of
// the result with another:
//
//	x.Compute(resample.Bicubic, w, outW, 0, outW, 0, w)
//	y.Compute(resample.Bicubic, h, outH, 0, outH, 0, h)
//	for i := range h { x.Row(rows[i*3*outW:(i+1)*3*outW], bgr[i*3*w:(i+1)*3*w]) }
//	for i := range outH { y.Column(out[i*3*outW:(i+1)*3*outW], acc, rows, i) }
//
// It decodes no files and knows no colours beyond the order of three channels, which Row
// turns from BGR to RGB.
package resample
