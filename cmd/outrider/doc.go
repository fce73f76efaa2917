// Command outrider watches video, segments everything in it, follows what its user points at,
// and tells people and machines about it while it happens.
//
// Each subcommand is one file with a thin function that can be tested without a process;
// assemble.go puts the rooms of the program together. Exit codes: 0 done, 1 failed, 2 usage
// or configuration. Results go to standard output, everything else to standard error.
package main
