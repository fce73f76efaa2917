#!/bin/sh
# Puts ONNX Runtime's shared library into the user's cache folder, out of the onnxruntime
# wheel, and checks its SHA-256. With --path it only prints where the library is or will be.
# ORT_LIB names another library and switches all of this off.
set -eu

version=1.32.0
dir="${XDG_CACHE_HOME:-$HOME/.cache}/outrider/onnxruntime/$version"
lib="$dir/libonnxruntime.so.$version"

if [ "${1:-}" = --path ]; then
	echo "${ORT_LIB:-$lib}"
	exit 0
fi
if [ -n "${ORT_LIB:-}" ] && [ "$ORT_LIB" != "$lib" ]; then
	[ -f "$ORT_LIB" ] && exit 0
	echo "setup: ORT_LIB=$ORT_LIB does not exist" >&2
	exit 1
fi

case "$(uname -m)" in
x86_64)
	platform=manylinux_2_28_x86_64
	sum=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f
	;;
aarch64)
	platform=manylinux_2_28_aarch64
	sum=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a
	;;
*)
	echo "setup: no ONNX Runtime wheel for $(uname -m): build the library and set ORT_LIB" >&2
	exit 1
	;;
esac

# A stamp of the check keeps the 35 MB from being hashed at every start.
if [ -f "$lib" ] && [ "$(cat "$lib.sha256" 2>/dev/null || true)" = "$sum" ]; then
	exit 0
fi
mkdir -p "$dir"
if ! [ -f "$lib" ] || [ "$(sha256sum "$lib" | cut -d' ' -f1)" != "$sum" ]; then
	echo "setup: fetching ONNX Runtime $version" >&2
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	python3 -m pip download -q --no-deps --only-binary=:all: --disable-pip-version-check \
		--python-version 3.11 --implementation cp --abi cp311 --platform "$platform" \
		-d "$tmp" "onnxruntime==$version"
	python3 - "$tmp" "$version" <<'PY'
import glob, sys, zipfile
tmp, version = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(tmp + "/*.whl")[0])
with open(tmp + "/lib", "wb") as out:
    out.write(wheel.read("onnxruntime/capi/libonnxruntime.so." + version))
PY
	got=$(sha256sum "$tmp/lib" | cut -d' ' -f1)
	if [ "$got" != "$sum" ]; then
		echo "setup: ONNX Runtime $version has SHA-256 $got, want $sum" >&2
		exit 1
	fi
	mv "$tmp/lib" "$lib"
fi
echo "$sum" >"$lib.sha256"
