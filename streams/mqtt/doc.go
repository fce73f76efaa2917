// Package mqtt tells machines what the cameras see, and takes prompts from them.
//
// [Publisher] is the sink: it connects to a broker, tells states and events, obeys commands,
// and announces the cameras to Home Assistant. [Broker] is the broker in this process that is
// used when there is no other. [MemoryOutbox] keeps events until they are acknowledged; the
// store's outbox keeps them over a restart.
//
// Topics below the prefix <p>, "outrider" unless configured. Payloads are UTF-8 text or JSON;
// [Schemas] describes the JSON.
//
//	Topic                        Payload                              Retained  QoS
//	<p>/available                online, stopped, offline (our will)  yes       1
//	<p>/<cam>/status/detect      online, offline                      yes       1
//	<p>/<cam>/state              camera_state.json                    yes       1
//	<p>/<cam>/all                live tracks, a number                yes       1
//	<p>/<cam>/<label>            live tracks of a label, a number     yes       1
//	<p>/<cam>/line/<line>/in     crossings from side A to B, a number yes       1
//	<p>/<cam>/line/<line>/out    crossings from side B to A, a number yes       1
//	<p>/<zone>/all               objects in a zone, a number          yes       1
//	<p>/<zone>/<label>           of a label, a number                 yes       1
//	<p>/<zone>/.../active        of them, those not stationary        yes       1
//	<p>/events                   event.json: new, update, end         no        1, by the outbox
//	<p>/reviews                  review.json: new, update, end        no        1, by the outbox
//	<p>/<cam>/review_status      NONE, DETECTION, ALERT               yes       1
//	<p>/<cam>/<label>/snapshot   best picture of the newest, JPEG     yes       1
//	<p>/<cam>/obstacle           obstacles on the road, level 1 and more  no   0
//	<p>/<cam>/obstacle/level     none, notice, caution, warning, critical yes  1
//	<p>/<cam>/<switch>/state     ON, OFF                              yes       1
//	<p>/<cam>/event              camera_event.json (Home Assistant)   no        0
//	<p>/stats                    stats.json                           no        0
//	<p>/<cam>/prompt/result      prompt_result.json                   no        1
//	homeassistant/device/<id>/config   ha_device.json                 yes       1
//
//	We listen to
//	<p>/<cam>/prompt/set         prompt_set.json: add a prompt
//	<p>/<cam>/prompt/<id>/delete anything, or {"response_topic", "correlation"}
//	<p>/<cam>/prompt/list        the same
//	<p>/<cam>/<switch>/set       ON, OFF; switches are detect, recordings, snapshots
//	homeassistant/status         online: announce again
//
// Commands are at most 64 KiB and 20 a second; retained ones are refused when they are
// replayed. A clean stop leaves "stopped" in <p>/available, or "offline" with Home Assistant
// discovery, which knows no other word. A label is one topic level: lower case, and what is
// not a letter or digit becomes "_"; tracks that nothing has named count as "object".
//
// A review gathers what happens on a camera while something of note does: objects of prompts
// that come, move and go ("detection"), zones, lines and obstacles ("alert"). It ends when
// nothing of note has happened for ten seconds.
//
// A zone's name is one level too; cameras that have a zone of one name share it. So no zone may
// be named as a camera is.
//
// Events are delivered at least once: ext.event_id is unique, ext.event_seq counts the
// messages of an object, and a consumer drops what it has seen. They stay in the outbox until
// the broker acknowledges, and arrive in order; when the outbox is full the oldest updates
// go, new and end stay. Everything else is of the moment: states are told anew after each
// connection, the rest is lost while there is none.
//
// Each connection is a new session of the client library without any of its own storing and
// reconnecting: less to go wrong, and the outbox is the only truth.
//
// The package draws no pictures: Publisher.Picture is given them. It keeps no history.
package mqtt
