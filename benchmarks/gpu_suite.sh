#!/usr/bin/env bash
# The parity suite and the benchmark on a machine with an NVIDIA GPU, from a checkout, within ten minutes.
#
#   benchmarks/gpu_suite.sh [--device cuda|cpu] [--models "resnet18 bert"] [--seconds 540] [--output FILE]
#
# Writes benchmarks/results/gpu.json: device, driver, versions, and every figure. `--device cpu` runs the
# same on the processor, to see that all but the device works.
#
# It makes no environment from a registry. Every framework runs in the interpreter that $PYTHON names
# (python3), unless INTEROP_ENVIRONMENT_TORCH and its like name others; what that lacks of the toolkit's
# own dependencies comes from wheels in $KIT (see gpu_kit.sh), and ONNX Runtime for CUDA from the unpacked
# packages in $ORT_GPU_SITE. A backend whose packages are not there is a row that says so.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d "${TMPDIR:-/tmp}/gpu-suite.XXXXXX")
trap 'rm -rf "$work"' EXIT

packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# An environment that sees what is in the folders given, and behind them the packages of $PYTHON.
environment() { # NAME FOLDER...
  "$python" -m venv --system-site-packages --without-pip "$work/$1"
  printf '%s\n' "${@:2}" "$(packages "$python")" > "$(packages "$work/$1/bin/python")/suite.pth"
}

# The checkout's folders under the names that an installation gives them.
mkdir -p "$work/checkout/interop" "$work/kit"
ln -s "$here"/interop/* "$work/checkout/interop/"
ln -s "$here/converters" "$here/models" "$work/checkout/interop/"
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$here/interop/__init__.py")
mkdir "$work/checkout/interop-$version.dist-info"
printf 'Metadata-Version: 2.1\nName: interop\nVersion: %s\n' "$version" \
  > "$work/checkout/interop-$version.dist-info/METADATA"
if [ -n "${KIT:-}" ]; then
  for wheel in "$KIT"/*.whl; do "$python" -m zipfile -e "$wheel" "$work/kit"; done
fi
environment host "$work/checkout" "$work/kit"
for framework in ONNX ONNXRUNTIME TORCH JAX; do
  name=INTEROP_ENVIRONMENT_$framework
  export "$name=${!name:-$work/host}"
done
if [ -n "${ORT_GPU_SITE:-}" ]; then
  environment ort_gpu "$ORT_GPU_SITE" "$work/kit"
  export INTEROP_ENVIRONMENT_ONNXRUNTIME_GPU="$work/ort_gpu"
fi
export INTEROP_CACHE_DIR="${INTEROP_CACHE_DIR:-$work/cache}" PYTHONDONTWRITEBYTECODE=1
"$work/host/bin/python" -P "$here/benchmarks/gpu_suite.py" "$@"
