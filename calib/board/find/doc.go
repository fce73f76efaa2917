// Package find finds the corners of a chessboard in a picture, with OpenCV. It is apart from
// package board so that the mathematics needs no OpenCV; commands use it, the service does not.
package find
