// Package docs carries the pages that commands print: outrider models export-help shows the
// part of models.md on a model's family. It is here because a package can embed only what
// lies below it.
package docs

import (
	_ "embed" // the page
	"strings"
)

//go:embed models.md
var models string

// ModelFamily returns the section of models.md on a family of models, without its heading;
// false when there is none.
func ModelFamily(name string) (string, bool) {
	_, rest, ok := strings.Cut(models, "\n## Family "+name+"\n")
	if !ok {
		return "", false
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return strings.TrimSpace(text) + "\n", true
}
