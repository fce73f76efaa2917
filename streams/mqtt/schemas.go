package mqtt

import "embed"

// Schemas holds the JSON schemas (draft 2020-12) of all payloads as schema/NAME.json: event,
// review, camera_state, stats, camera_event, prompt_set, prompt_result, ha_device.
//
//go:embed schema/*.json
var Schemas embed.FS
