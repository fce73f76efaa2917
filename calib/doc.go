// Package calib turns pixels into metres. It holds the camera model ([Camera]: pinhole with
// one of three distortions), the plane that the camera looks at ([Plane]: height, pitch, roll
// and yaw, with their uncertainty) and the four-point calibration of a fixed camera
// ([Homography]).
//
// Frames of reference: camera axes have x right, y down, z forward. The road frame has X
// forward, Y left, Z up, its origin on the ground under the camera; level camera axes are the
// road frame's directions in the camera's order (right, down, forward). Pitch is positive when
// the camera looks down, roll when the horizon falls to the right, yaw when the camera looks to
// the left of the direction of travel.
//
// Pixel positions are frame pixels as everywhere in this program: (0, 0) is the outer corner
// of the top left pixel, whose centre is (0.5, 0.5). OpenCV and the tools around it put (0, 0)
// at that centre; package camfile converts when it reads and writes their files.
//
//	cam, err := calib.New(calib.Intrinsics{Width: 1280, Height: 720, FX: 1150, FY: 1150, CX: 640, CY: 360, Model: calib.PlumbBob})
//	road, err := calib.NewPlane(cam, calib.Mount{Height: 1.4, Pitch: 0.03})
//	spot, ok := road.Ground(pipeline.Point{X: 640, Y: 500})
//
// Nothing here returns NaN, an infinity or a negative distance: what cannot be is an error when
// it is set up, and ok == false when it is asked for. All types are immutable and safe for
// concurrent use; the methods allocate nothing unless their comment says so.
package calib
