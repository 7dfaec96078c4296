#!/bin/sh
# Recordings and live streams on this machine's GPU, in under ten minutes: one table, and bench/results/gpu.json.
#   make setup-dev && .venv/bin/pip install nvidia-cublas-cu12 nvidia-cudnn-cu12
#   bench/gpu.sh                           # tiny.en, which is installed
#   bench/gpu.sh --model large-v3          # after: ringback model pull large-v3
set -eu
cd "$(dirname "$0")/.."
command -v nvidia-smi >/dev/null || { echo "bench/gpu.sh: there is no nvidia-smi here: no GPU, or no driver" >&2; exit 1; }
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv
# CTranslate2 finds cuBLAS and cuDNN of the two packages by this path.
LD_LIBRARY_PATH=$(.venv/bin/python -c 'import os, nvidia.cublas.lib, nvidia.cudnn.lib
print(os.pathsep.join(p for m in (nvidia.cublas.lib, nvidia.cudnn.lib) for p in m.__path__))')
export LD_LIBRARY_PATH
.venv/bin/python - <<'EOF'
import ctranslate2
if not ctranslate2.get_cuda_device_count():
    raise SystemExit("bench/gpu.sh: CTranslate2 sees no CUDA device here")
EOF
exec timeout 600 .venv/bin/python -m bench.gpu "$@"
