#!/bin/sh
# Installs what outrider needs to build and run (argument "run"), and what its tests need on
# top (argument "test"). Skips what is there, so that a second call takes well under a second.
set -eu

packages="libopencv-dev pkg-config g++ libvpx-dev opencv-doc"
command -v pip3 >/dev/null 2>&1 || python3 -m pip --version >/dev/null 2>&1 || packages="$packages python3-pip"
if [ "${1:-run}" = test ]; then
	packages="$packages chromium mosquitto mosquitto-clients libx264-dev"
	packages="$packages gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
fi

missing=
for p in $packages; do
	case "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" in
	installed) ;;
	*) missing="$missing $p" ;;
	esac
done

if [ -n "$missing" ]; then
	if [ "$(id -u)" = 0 ]; then
		sudo=
	elif command -v sudo >/dev/null 2>&1; then
		sudo=sudo
	else
		echo "setup: these packages are missing and can be installed by root only: apt-get install$missing" >&2
		exit 1
	fi
	echo "setup: installing$missing" >&2
	$sudo apt-get update -q >/dev/null
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y --no-install-recommends $missing >/dev/null
	# The distribution starts a broker of its own; the tests start theirs.
	case "$missing" in *mosquitto*) $sudo sh -c 'command -v systemctl >/dev/null && systemctl disable --now mosquitto >/dev/null 2>&1 || true' ;; esac
fi

if ! command -v go >/dev/null 2>&1; then
	echo "setup: Go 1.26 is missing: see https://go.dev/doc/install" >&2
	exit 1
fi

sh "$(dirname "$0")/ort.sh"

# The reference reader of COCO files, for the test that gives it ours.
python="${XDG_CACHE_HOME:-$HOME/.cache}/outrider/python"
if [ "${1:-run}" = test ] && ! [ -d "$python/pycocotools" ]; then
	echo "setup: fetching pycocotools" >&2
	mkdir -p "$python"
	python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --only-binary=:all: --target "$python" numpy pycocotools==2.0.11
fi
