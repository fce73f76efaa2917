#!/bin/sh
# All checks, in the order in which they fail fastest. Prints Go's own test summary.
set -eu

unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "gofmt: these files are not formatted:" >&2
	echo "$unformatted" >&2
	exit 1
fi
echo "== go vet"
go vet ./...
echo "== staticcheck"
go tool staticcheck ./...
echo "== go test"
# One package at a time: many of them start brokers, cameras and browsers of their own.
go test -p 1 -timeout 15m ./...
# The race detector runs where most of the work is Go and goroutines; under it the packages
# around OpenCV and ONNX Runtime would take an hour on two cores, and a browser beside it waits
# for pictures that come too late.
echo "== go test -race"
go test -race -p 1 -timeout 15m -short -skip Browser $(cat scripts/race.txt)
# A gocv that counts its matrices: none may be left.
echo "== matrices"
go test -tags matprofile -count=1 -run TestMatsAreClosed ./streams/capture ./models/fastsam
# H.264 is compiled with its tag only.
echo "== x264"
go vet -tags x264 ./streams/x264 ./streams/webrtc ./cmd/outrider
go test -tags x264 -count=1 -run 'H264|Rate|Bitrate|Plays|Refuses' ./streams/x264 ./streams/webrtc
