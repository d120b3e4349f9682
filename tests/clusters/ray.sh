#!/usr/bin/env bash
# Builds a corpus on a real Ray on this machine: ray.sh LAUNCHER FOLDER PYTHON, with the program in MMEDKIT. FOLDER as for slurm.sh.
set -euo pipefail
launcher=$(realpath -e "$1")
folder=$(realpath -e "$2")
python=$3
cd "$folder"
sed 's/^output = .*/output = "by-ray"/' corpus.toml > by-ray.toml
export RAY_USAGE_STATS_ENABLED=0 RAY_DISABLE_IMPORT_WARNING=1
"$python" -c 'import ray; print("ray", ray.__version__)'
"$python" "$launcher" --config by-ray.toml --tasks 3 --program "$MMEDKIT"
diff -r reference by-ray
echo "Ray: the same as one process, byte for byte"
