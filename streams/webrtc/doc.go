// Package webrtc sends the pictures of the cameras to browsers and other players by WebRTC,
// with WHEP as the way in (POST an offer to /whep/{camera}, get the answer).
//
// Server is a sink of the engine and an http.Handler at once. Each watched camera has one
// stream: a goroutine that converts its frames, encodes them once with streams/vpx and hands
// the packets to every viewer; a camera that nobody watches costs nothing. RTP timestamps
// come from the capture clock, so that every viewer sees the same ones, and what is known of
// a frame (tracks, outlines, obstacles) travels on a data channel under the timestamp of its
// frame and before it: meta.go describes the messages. A player without a data channel asks
// for ?overlay=1 and gets the same drawn into the picture.
//
// In exact mode a frame waits for its result, up to a budget; in live mode it never waits and
// carries the newest answer, moved ahead by the tracks' velocity.
//
// A viewer has its own queue and goroutine: a slow one loses its own frames and delays nobody.
// The bit rate follows the estimate of the slowest viewer above a floor; a viewer whose line
// does not carry the floor gets a key frame now and then and slows nobody.
//
// The package does not decide who may watch (the HTTP layer in front of it does), knows no
// TURN server of its own, and does not record.
package webrtc
