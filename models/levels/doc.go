// Package levels knows which segments lie inside which: one click has up to six answers, from
// the smallest part to the whole.
//
// A segment is the child of another when at least 95 % of it lies inside and its area is at
// most 80 % of the other's. [Tree.Build] writes parents and levels into a frame's segments;
// [Chain] lists the nested segments under a point. A [Ladder] follows the chain of one object
// on a stream, so that a level stays the same thing.
//
// The package works on any masks of one grid, whatever model made them. It makes no masks.
package levels
