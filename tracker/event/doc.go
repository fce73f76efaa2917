// Package event counts: it turns the tracks of one camera's stream into what happens in zones
// and on lines.
//
// [Counter] is the stage, run after the tracker and the prompts, and the camera's
// [pipeline.Places]. It writes events (zone_enter, zone_leave, loitering, trip, line_crossed,
// left_behind, removed, stationary, moving), the totals in Result.Counts, and in each track
// the zones that it is in, whether it rests, and its speed over the ground.
//
// Counting twice is the fault that users of counters know best, so everything here waits for
// evidence, in seconds and never in frames:
//
//   - Only observed, confirmed tracks move anything. A predicted box crosses no line.
//   - A side of a line, or of a zone's border, has to be settled: seen for a while, at a
//     distance that grows with the object, so that jitter on the line never counts. A crossing
//     needs both sides settled and a way between the ends of the line.
//   - An object whose id changes (lost here, found again at the same place under another
//     number) hands its place over to its successor, so that one visit stays one visit.
//   - Of objects that lie in one another, a coat in a person, the outermost that passes the
//     filter counts, once.
//
// Speeds need a calibrated ground plane ([Ground]); without one there is no speed rather than
// a guess.
//
// The package neither tracks nor names objects, and it stores nothing.
package event
