#!/usr/bin/env bash
# Builds a corpus from and into a bucket of a real S3 server on this machine (moto), and reads a file by HTTP: s3.sh FOLDER PYTHON, with the program in MMEDKIT.
# FOLDER as for slurm.sh; PYTHON has moto and boto3.
set -euo pipefail
folder=$(realpath -e "$1")
python=$2
here=$(dirname "$(realpath -e "$0")")
cd "$folder"
port=$((20000 + $$ % 20000))
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ALLOW_HTTP=true

"$python" -m moto.server --host 127.0.0.1 --port "$port" > s3.log 2>&1 &
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
"$python" "$here/s3_files.py" upload in mmedkit-test raw

sed -e 's|^output = .*|output = "s3://mmedkit-test/by s3"|' -e 's|^path = "in/|path = "s3://mmedkit-test/raw/|' corpus.toml > by-s3.toml
# Two processes at once, each waiting for the other between the stages.
"$MMEDKIT" corpus build --config by-s3.toml --threads 1 --task 1 --tasks 2 &
second=$!
"$MMEDKIT" corpus build --config by-s3.toml --threads 1 --task 0 --tasks 2
wait "$second"
"$python" "$here/s3_files.py" download by-s3 mmedkit-test "by s3"
# Card, report and record of the configuration name the inputs' addresses, and the last marker the size of the first two: nothing else may differ.
grep -rl s3://mmedkit-test/raw/ by-s3 | xargs sed -i 's|s3://mmedkit-test/raw/|in/|'
mv by-s3/done/finish finish-s3
mkdir by-s3/done/finish
cp reference/done/finish/00000.json by-s3/done/finish
diff -r reference by-s3
echo "S3: the same as in folders, byte for byte"

# A single object as input; and one that is not there, told by its name.
cat > one.toml <<'TOML'
output = "s3://mmedkit-test/one"
steps = []
[[input]]
path = "s3://mmedkit-test/raw/web/en/lines.jsonl"
TOML
"$MMEDKIT" corpus build --config one.toml | tee one.txt
sed -i 's|lines.jsonl|none.jsonl|; s|/one"|/two"|' one.toml
if "$MMEDKIT" corpus build --config one.toml 2> none.txt; then exit 1; fi
grep "s3://mmedkit-test/raw/web/en/none.jsonl" none.txt

# A single file behind plain HTTP.
"$python" -m http.server --bind 127.0.0.1 --directory in "$((port + 1))" 2> http.log &
sed "s|^path = .*|path = \"http://127.0.0.1:$((port + 1))/web/en/lines.jsonl\"|; s|/two\"|/three\"|" one.toml > http.toml
until curl --silent --output http.txt "http://127.0.0.1:$((port + 1))/"; do sleep 0.2; done
ALLOW_HTTP=true "$MMEDKIT" corpus build --config http.toml | diff - one.txt
echo "a single object and a single file behind HTTP: read"
