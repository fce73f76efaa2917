// Package trackeval measures trackers against ground truth with the figures of the field:
// HOTA with its parts, the CLEAR figures around MOTA, IDF1, and DAVIS' J and F for masks.
//
// Read a sequence ([ReadSequence]) and a tracker's result ([ReadMOT]), join them with
// [Sequence.Compare] into [Data], and give that to [EvalHOTA], [EvalCLEAR] and
// [EvalIdentity]; Combine methods join sequences as TrackEval does. [Region] and [Contour] measure
// masks, [Summarize] their course over a video.
//
// The figures equal those of TrackEval 1.3.0 and of the DAVIS 2017 evaluation to four digits;
// golden values in the tests hold that. [Sequence.Run] tracks stored detections with our own
// core; the package draws nothing and reads no pictures.
package trackeval
