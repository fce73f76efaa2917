// Package lsq solves the small least squares problems of camera calibration: Levenberg-Marquardt
// on problems whose residuals each touch few of the parameters, and the eigenvectors of small
// symmetric matrices. Plain slices and no dependencies: the largest problem here has a few
// hundred parameters.
package lsq
