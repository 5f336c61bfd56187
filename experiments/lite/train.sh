#!/usr/bin/env bash
# Trains lite-320, which makes up seven tenths of the bundled model, step by step, as it was trained: about 90
# minutes on two cores. The networks for the rest are made by soup.sh (docs/models/lite.md).
#
#   bash experiments/lite/train.sh FOLDER OUT [key=value ...]
#
# FOLDER holds osie, eyecrowd and sun500; what follows goes to every run, such as
# network.weights=FILE.safetensors where timm's weights cannot be downloaded. A run that was stopped goes on;
# one that is finished is not repeated.
set -euo pipefail

usage='usage: train.sh FOLDER OUT [key=value ...]'
data=${1:?$usage} out=${2:?$usage}
shift 2
here=$(cd "$(dirname "$0")" && pwd)
recipe=$here/../../src/salgan/recipes/lite.yaml
eyes='{path: osie, layout: fixations-mat, split: osie}, {path: eyecrowd, layout: fixations-mat, split: eyecrowd},
      {path: sun500, layout: sun500, split: sun500}'
source "$here/../side_by_side.sh"
stronger=(network.drop_path=0.3 augmentation.warp=0.15 augmentation.colour=0.5 content.nss=0.15)

step() { # the run's name, and what else, with its progress on the terminal
    local name=$1
    shift
    local resume=false
    [ -e "$out/$name/checkpoints" ] && resume=true
    salgan train "$recipe" data="$data" out="$out/$name" resume=$resume "$@"
}

# Eyes and mouse traces, small pictures first.
step small "$@"
# The same at full size, from the best of these: twice, with other orders and strengths.
beside step large-1 "$@" size=[256,320] init="$out/small/network.safetensors" seed=1 \
    bootstrap.epochs=6 bootstrap.optimiser.lr=4e-4
beside step large-2 "$@" size=[256,320] init="$out/small/network.safetensors" seed=2 \
    bootstrap.epochs=5 bootstrap.optimiser.lr=6e-4 "${stronger[@]}"
finished
# Eyes alone: mouse traces are spread wider than gaze, and so were the maps.
for number in 1 2; do
    beside step eyes-$number "$@" size=[256,320] init="$out/large-$number/network.safetensors" seed=$((number + 2)) \
        sources="[$eyes]" bootstrap.epochs=3 bootstrap.optimiser.lr=3e-4 "${stronger[@]}"
done
finished
python "$here/average.py" "$recipe" data="$data" size=[256,320] sources="[$eyes]" \
    "$out"/eyes-{1,2}/network.safetensors -o "$out/average.safetensors"
python "$here/record.py" "$out/average.safetensors" -o "$out/without-text.safetensors"
# Where text is, for drawn pictures. This makes text.safetensors, which is lite-320.
python "$here/text.py" "$data" "$out" --network "$out/without-text.safetensors"
salgan export "$out/text.safetensors" -o "$out/lite-320.onnx"
