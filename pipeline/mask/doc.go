// Package mask holds binary masks as bitsets cropped to their box.
//
// A mask lives on a Grid: a raster of cells laid over the frame, usually at the
// resolution of a network's prototypes (a quarter of its input), sometimes at that of
// the frame itself. Set operations between masks of one grid are word-wise AND, OR and
// popcount over the overlap of their windows, so a pair costs about a microsecond; masks
// of different grids are resampled first, by the caller, who knows which one to keep.
//
// The package speaks the field's exchange formats too: COCO run-length encoding
// (compressed and not) and polygons; and it finds connected parts. [Encoder], [Tracer] and
// [Labeler] do these once a frame without allocating. It imports the standard library only and does no
// I/O. Masks are not safe for concurrent mutation; any number of goroutines may read one.
package mask
