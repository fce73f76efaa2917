// Package rtsptest is a network camera for tests: a real RTSP server in this process, whose
// pictures carry their number, and which can freeze, die, come back and ask for a password.
package rtsptest
