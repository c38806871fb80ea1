#!/usr/bin/env bash
# Where there is a registry: what the toolkit needs beside the frameworks, as wheels for gpu_suite.sh's $KIT.
#
#   benchmarks/gpu_kit.sh FOLDER [PYTHON_VERSION]
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
pin() { grep -hE "^$1==" "$here"/converters/*/lock.txt | sort -u | tail -1; }
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "${2:-3.12}" \
  --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --dest "$1" \
  "$(pin onnx-ir)" "$(pin onnxscript)" "$(pin safetensors)" "$(pin filelock)" "$(pin flatbuffers)" \
  "$(pin packaging)" 'platformdirs>=4,<5'
ls -l "$1"
