// Package sam runs the Segment Anything family from ONNX files: SAM, MobileSAM and HQ-SAM
// exported as an encoder and a decoder, as segment-anything's and samexporter's tools
// write them.
//
// [Model] encodes a frame once, keeps that for all prompts on the same picture, and answers
// [Prompt] values (points, boxes, a mask of before, or all together) with masks, their
// predicted quality and the logits that refine a next answer. [Model.SegmentAll] segments
// by a grid of points. Model is a pipeline.Segmenter too: everything at the decoder's own
// resolution, for `segment` and for the key frames of a stream.
//
//	m := &sam.Model{EncoderFile: "mobile_sam.encoder.onnx", DecoderFile: "mobile_sam.decoder.onnx"}
//	if err := m.Initialize(); err != nil { ... }
//	defer m.Close()
//	answers, err := m.Predict(ctx, frame, sam.Prompt{Points: []pipeline.Point{{X: 320, Y: 200}}, Multimask: true})
//	best := answers[0].Masks[answers[0].Best()]
//
// The arithmetic is that of the reference predictors: PIL's antialiased resize, padding,
// prompt encoding, two-step mask resize, stability score and box NMS. The package follows
// nothing from frame to frame and knows no words.
package sam
