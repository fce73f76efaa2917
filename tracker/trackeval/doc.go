// Package trackeval measures trackers against ground truth with the figures of the field:
// HOTA with its parts, the CLEAR figures around MOTA, IDF1, and DAVIS' J and F for masks.
//
// Read sequences ([ReadSets]: the layouts of MOTChallenge, KITTI, MOTS and COCO video) and a
// tracker's result ([Sequence.ReadTracks]), join them with [Sequence.Compare] into [Data], and give
// that to [Eval]; [Combine] joins sequences as TrackEval does. [ReadClips] finds videos with masks;
// [Region] and [Contour] measure masks, [Summarize] their course over a video, and [Parts]
// segments as the truth would.
//
// The figures equal those of TrackEval 1.3.0 and of the DAVIS 2017 evaluation to four digits;
// golden values in the tests hold that. [Sequence.Run] tracks stored detections with our own
// core; the package draws nothing, and reads no pictures but masks.
package trackeval
