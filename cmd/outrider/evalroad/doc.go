// Package evalroad measures the road stage: the synthetic protocol with exact geometry, the
// plane fitted on labels of real drives, and the metrics of the SegmentMeIfYouCan benchmark.
// It is what `outrider eval road` runs.
package evalroad
