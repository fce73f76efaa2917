package mask

// RLE is COCO's run-length encoding of a whole image's mask: Size is [height, width], Counts
// the compressed string of pycocotools (column-major runs, zeros first).
type RLE struct {
	Size   [2]int `json:"size"`
	Counts string `json:"counts"`
}
