// Package child is the decoder process. The program starts itself again as
// "outrider capture-child"; there [Main] reads one stream with package decode and hands its
// newest picture over. The parent may kill it at any moment; whatever the native code does
// (hang, abort, run hostile input) stays inside.
//
// Three ways lead between the two processes:
//
//   - standard input carries one [Request] with URL and password, which therefore are in no
//     argument list and no environment. When it closes the child ends: a dead parent leaves
//     no child behind.
//   - descriptor 3 carries messages to the parent: opened, a picture is there, failed.
//   - descriptor 4 is the [Ring], shared memory of three slots in which the newest picture
//     always wins: the child never waits for the parent, the parent never sees a torn picture.
//
// There is no heartbeat: the kernel tells the parent at once when the child died or was
// stopped, and a child that hangs sends no pictures, which the parent bounds by its timeouts.
//
// The parent believes nothing: messages are bounded, sizes and slots are checked, and the
// memory is sealed so that it cannot shrink under the parent's feet.
package child
