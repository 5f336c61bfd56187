#!/usr/bin/env bash
# The paper's network at its own size and for its whole length, all runs side by side on one GPU (README.md).
#
#   bash experiments/claim/vgg16.sh DATA OUT [key=value ...]
#
# DATA is what experiments/paper/train.py unpacks; what follows goes to every run. A run that was stopped goes on; one
# that is finished is not repeated. OUT gets a folder per run, and the last network of each with weights in 8 bits.
set -euo pipefail

usage='usage: vgg16.sh DATA OUT [key=value ...]'
data=${1:?$usage} out=${2:?$usage}
shift 2
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../side_by_side.sh"
common=(data="$data" cache="$data/cache" logger=null)
more=("$@")
three=(sources.0.layout=folder sources.0.sigma=14.4 sources.1.layout=folder sources.1.sigma=12.19
    sources.2.layout=folder sources.2.sigma=14.4)
mouse=(sources.0.path=osie-mouse sources.0.layout=folder sources.0.sigma=14.4 keep_networks=false)
control=adversarial.control=true
adagrad='{name: adagrad, lr: 3e-4, weight_decay: 1e-4}'

train() { # the run's name, the recipe, and what else; the network goes with weights in 8 bits beside its folder
    local name=$1 recipe=$here/$2.yaml
    shift 2
    run 'salgan train' "$name" "$recipe" "$@"
    salgan export "$out/$name/network.safetensors" -o "$out/$name.onnx" --weights int8 >> "$out/logs/$name.log" 2>&1
}
on() { # continue from a bootstrap: its network, the run's name, the recipe, the seed, and what else
    local start=$1 name=$2 recipe=$3 seed=$4
    shift 4
    train "$name" "$recipe" init="$start" bootstrap.epochs=0 seed=$((seed + 1)) "$@"
}

on_eyes() {
    train bootstrap vgg16 "${three[@]}" network.weights="$data/vgg16.safetensors" adversarial.epochs=0 ema=null keep_best=cc
    local start=$out/bootstrap/network.safetensors seed
    for seed in 0 1 2; do
        beside on "$start" "GAN-$seed" vgg16 "$seed" "${three[@]}"
        beside on "$start" "BCE-$seed" vgg16 "$seed" "${three[@]}" $control
    done
    beside on "$start" paper-0 vgg16 0 "${three[@]}" adversarial.alpha=0.05 adversarial.optimiser="$adagrad" \
        adversarial.discriminator_optimiser=null
    beside on "$start" alpha-1000-0 vgg16 0 "${three[@]}" adversarial.alpha=1000
    beside on "$start" whole-0 vgg16 0 "${three[@]}" adversarial.discriminator.downsample=1
    finished
}
on_traces() {
    train mouse-bootstrap vgg16-mouse "${mouse[@]}" network.weights="$data/vgg16.safetensors" adversarial.epochs=0 ema=null
    local start=$out/mouse-bootstrap/last.safetensors
    beside on "$start" mouse-GAN-0 vgg16-mouse 0 "${mouse[@]}"
    beside on "$start" mouse-BCE-0 vgg16-mouse 0 "${mouse[@]}" $control
    finished
}
beside on_eyes
beside on_traces
finished
