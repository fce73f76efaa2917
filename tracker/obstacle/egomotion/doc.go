// Package egomotion knows how fast the vehicle was at each moment of a video: a constant, or a
// log beside the video in CSV, NMEA or GPX. It is an obstacle.EgoSource.
package egomotion
