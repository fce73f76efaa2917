// Package pull fetches models of the catalogue into their folder.
//
//	p := &pull.Puller{Folder: folder}
//	err := p.Pull(ctx, entry)
//
// A file comes from its URL, from a mirror, or from a folder. It is written beside its place
// and moved there only when it is whole, has the checksum of the catalogue (or of the first
// pull, where the catalogue has none) and is an ONNX model of one file. Whatever else comes,
// an error page, half a file, another length, a file without end or a server that falls
// silent, nothing of it stays. Broken connections are resumed, and so is a pull that was
// interrupted by its user, which alone leaves the part that came.
package pull
