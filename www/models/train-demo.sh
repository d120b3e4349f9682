#!/usr/bin/env bash
# Makes the demo model: vocabulary, corpus, pretraining, fine-tuning, export. Runs repeat bit for bit with the same build on the same kind of processor.
#
#   www/models/train-demo.sh CORPUS QUESTIONS WORK
#
# CORPUS     folder of .txt files, a folder a language (see README.md for the sources)
# QUESTIONS  folder with {English,Chinese,French,Russian,Spanish}.jsonl in MMedBench's form
# WORK       where the runs go; may be given again to go on after a stop
set -euo pipefail
corpus=$1 questions=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)
mmedkit=${MMEDKIT:-cargo run --quiet --release --package mmedkit --}
resume() { [ -d "$1" ] && echo --resume || true; }

mkdir -p "$work"
[ -f "$work/tokenizer.json" ] ||
  $mmedkit tokenizer train --input "$corpus" --vocab-size 4096 --output "$work/tokenizer.json"

# No medical filter: these texts were chosen by hand, and of news about an epidemic (TICO-19) its rule would leave next to nothing.
cat > "$work/corpus.toml" <<TOML
output = "corpus"
steps = ["normalise", "language", "personal_data", "duplicates"]

[[input]]
path = "$(realpath "$corpus")"
source = "demo"

[tokenize]
tokenizer = "tokenizer.json"
packed.hold_out = 0.02

[dataset]
parquet = false
TOML
$mmedkit corpus build --config "$work/corpus.toml"

[ -f "$work/pretrain/done" ] || {
  $mmedkit pretrain --corpus "$work/corpus/shards" --tokenizer "$work/tokenizer.json" --output "$work/pretrain" $(resume "$work/pretrain") \
    --hidden-size 256 --layers 4 --heads 4 --kv-heads 2 --intermediate-size 768 \
    --sequence-length 1024 --batch-tokens 1024 --steps 280 --learning-rate 1.5e-3 --min-learning-rate 1.5e-4 --warmup-ratio 0.1 \
    --beta2 0.95 --seed 42 --checkpoint-every 100
  touch "$work/pretrain/done"
}

[ -f "$work/finetune/done" ] || {
  $mmedkit finetune --model "$work/pretrain" --output "$work/finetune" $(resume "$work/finetune") \
    --questions "$questions/English.jsonl" --questions "$questions/Chinese.jsonl" --questions "$questions/French.jsonl" \
    --questions "$questions/Russian.jsonl" --questions "$questions/Spanish.jsonl" \
    --sequence-length 1024 --batch-tokens 1024 --steps 110 --learning-rate 5e-4 --warmup-ratio 0.03 --beta2 0.95 --seed 42 \
    --checkpoint-every 50
  touch "$work/finetune/done"
}

$mmedkit export --model "$work/finetune" --output "$here/demo.gguf" --recipe q8_0 --name "mmedkit demo"
cp "$work/pretrain/log.jsonl" "$here/demo-pretrain.jsonl"
cp "$work/finetune/log.jsonl" "$here/demo-finetune.jsonl"
