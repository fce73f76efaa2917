// Package board calibrates a lens from views of a chessboard: Zhang's method (TPAMI 2000) for a
// start, then Levenberg-Marquardt on the reprojection error, for each of package calib's
// distortions. The corners come from elsewhere (OpenCV finds them for the commands).
//
//	r, err := board.Calibrate(views, board.Options{Pattern: board.Pattern{Columns: 9, Rows: 6, Square: 0.025}, Width: 1280, Height: 720})
//
// A small reprojection error does not make a good calibration: a [Result] also says how far focal
// length and centre scatter when the views are drawn anew (bootstrap), how much of the picture
// the corners cover, and which view is missing. [Pattern.SVG] and [Pattern.PDF] draw the board to
// scale.
package board
