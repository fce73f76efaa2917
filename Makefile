# make run    the service on its embedded defaults, on a real sample video (ARGS="..." passes flags)
# make test   everything that CI checks
# Both install what is missing first; see scripts/setup.sh.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
ORT_LIB ?= $(shell sh scripts/ort.sh --path)
export ORT_LIB

.PHONY: run test build bench clean setup setup-test docs-pictures

run: setup build
	@./bin/outrider run $(ARGS)

build:
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/outrider ./cmd/outrider

test: setup-test
	@sh scripts/check.sh

bench: setup build
	@./bin/outrider bench $(ARGS)

setup:
	@sh scripts/setup.sh run

setup-test:
	@sh scripts/setup.sh test

# The pictures of README and docs, made by the browser test.
docs-pictures: setup-test
	@OUTRIDER_PICTURES=$(CURDIR)/docs/images go test -count=1 -run TestBrowser ./cmd/outrider

clean:
	@rm -rf bin out
