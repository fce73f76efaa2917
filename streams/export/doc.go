// Package export writes results to files: JSON lines with every frame, MOT text, annotated
// MP4, COCO JSON, label pictures and a summary.
//
// [Run] is the sink of an offline run. It writes to temporary names beside the final ones;
// Commit renames them all, Close without Commit removes them, so that an interrupted run
// leaves nothing that looks finished. Its Publish blocks while the writers are behind:
// that is the back pressure that lets a file be processed without losing a frame.
//
// [Converter] makes COCO, YOLO, MOT, MOTS, CVAT and CSV files out of the JSON lines.
//
// The package reads no video and draws nothing itself: pictures are painted by
// pipeline/overlay and encoded by streams/vpx.
package export
