// Package web is the HTTP door of the program: the API under /api/v1, the dashboard, the
// metrics, and the way in for WHEP.
//
// [Server] is the long-lived part. It reads cameras through a [Directory] (the engine), takes
// results as a [pipeline.Sink] so that it can wake long polls and stream events, and serves
// the files under ui/, which are embedded in the program: the dashboard asks nobody but this
// server for anything. [Metrics] is a sink and a Prometheus collector.
//
// Every answer that is an error is an application/problem+json document ([Problem]). The
// whole API is described by openapi.json, which is served and which the tests hold against
// the routes and the answers.
//
// What people change while the program runs, its configuration and its cameras, goes through
// [Setup], which the program implements; past events and their pictures come from [Events] and
// [Pictures].
//
// The package encodes no video (streams/webrtc does, and is given as a handler), stores
// nothing and knows no users.
package web
