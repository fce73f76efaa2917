// Package levels finds out which segments are parts of which: the containment tree of a
// frame, and the chain of nested segments under one click.
package levels
