// Package fastsam runs segment-everything models of FastSAM's contract: letterbox, network,
// decode, non-maximum suppression, masks from prototypes, removal of near-duplicates.
//
// Any FastSAM or YOLOv8/11-seg export fits: input [B,3,H,W]; output0 [B,4+nc+nm,N] with boxes
// (cx, cy, w, h in network pixels), scores and mask coefficients; output1 [B,nm,H/4,W/4] with
// prototypes. Sizes are read from the model. Masks are bitsets at prototype resolution.
package fastsam
