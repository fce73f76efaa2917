// Package camfile reads and writes camera calibrations in the formats that people bring:
// OpenCV YAML, ROS camera_info, Kalibr camchain, KITTI calib.txt, and the program's own block
// ([Block]), which alone also holds how the camera is mounted.
//
//	cal, err := camfile.Read("camera.yaml", data, camfile.Options{})
//	cam, err := calib.New(cal.Intrinsics)
//
// All files put the origin of pixel positions at the centre of the top left pixel, as OpenCV
// does; in memory it is the pixel's outer corner (package calib). Read and Write convert, so the
// numbers in files can be compared with those of other tools.
//
// What a file cannot say is refused when it is written; a distortion that this program does not
// know is refused by its name when it is read; a broken file is an [Error] with line and field.
package camfile
