// Package fastsam cuts frames into segments with any network of FastSAM's contract: one
// output of boxes, scores and 32 mask coefficients (YOLOv8-seg's head, one class or more), one
// of 32 mask prototypes.
//
// [Model] is the live pipeline.Segmenter: letterbox, network, decode, NMS, masks as bitsets at
// prototype resolution, removal of near-duplicates by mask IoU, containment tree. Its
// steady state allocates nothing to speak of. [Model.SegmentFull] gives masks at the frame's
// resolution for who asks, in our way or bit for bit in that of the reference programs
// ([Mode]); [Points] and [Boxes] answer prompts on one frame.
//
// Without weights of its own a Model runs the embedded everything-nano. With weights it checks
// at Initialize that they fit, and names the tensor that does not.
//
//	m := &fastsam.Model{} // the embedded weights at 640
//	if err := m.Initialize(); err != nil { ... }
//	defer m.Close()
//	segs, err := m.Segment(ctx, []*pipeline.Frame{frame})
//	for _, s := range segs { ...; s.Release() }
//
// Text prompts are models/clip's. The package follows nothing from frame to frame: that is
// tracker's.
package fastsam
