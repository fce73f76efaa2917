// Package store keeps what happened: events, summaries of tracks, and the outbox of messages
// that wait for their receiver, in one SQLite file; and the prompts of cameras, so that they
// outlive the program.
//
// [Store] is a sink of the engine for events and camera states, and a pipeline.EventOutbox for
// whoever delivers messages: an event and the messages that tell of it are written in one
// transaction, so that neither is there without the other. [Store.Events] and [Store.Tracks]
// answer the HTTP API.
//
// One goroutine writes, with synchronous=FULL, everything that has come in since its last
// transaction; nobody else waits for the disk. What cannot be written (disk full, I/O error)
// is kept in memory up to a bound, delivered from there, and tried again: the pipeline never
// stops for it, and [Store.Health] tells.
//
// At the start the file is checked; a damaged one is moved aside, and the backup of the last
// day takes its place, or a new one. A file of a newer version is refused, one of an older
// version copied before it is changed. Only one process may have a file open.
//
// Pictures and clips are not kept here.
package store
