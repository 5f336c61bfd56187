#!/usr/bin/env bash
# Several runs from lite-320 at three sizes, with and without screens, to average; and the VGG-16 of `best` at larger
# pictures. Made for one GPU, on which they run side by side (docs/models/lite.md).
#
#   bash experiments/lite/soup.sh DATA SCREENS VGG OUT [key=value ...]
#
# DATA is what experiments/paper/train.py unpacks; SCREENS what unlabelled.py makes of screenshots.py; VGG the network
# vgg-large of experiments/best/members.sh, or "none"; what follows goes to every run. A run that was stopped goes on;
# one that is finished is not repeated.
set -euo pipefail

usage='usage: soup.sh DATA SCREENS VGG OUT [key=value ...]'
data=${1:?$usage} screens=$(realpath "${2:?$usage}") vgg=${3:?$usage} out=${4:?$usage}
shift 4
here=$(cd "$(dirname "$0")" && pwd)
gaze='{path: osie, layout: folder, split: osie, sigma: 14.4},
      {path: eyecrowd, layout: folder, split: eyecrowd, sigma: 12.19},
      {path: sun500, layout: folder, split: sun500, sigma: 14.4}'
traces='{path: osie-mouse, layout: folder, split: osie, sigma: 14.4, val: null}'
drawn="{path: $screens, layout: folder, train: all, val: null}"
more=("$@")
common=(data="$data" cache="$data/cache" logger=null image_rows=0 augmentation.warp=0.15 augmentation.colour=0.5
        content.nss=0.15)

train() { # the run's name, the recipe, and what else
    local name=$1 recipe=$2 resume=false
    shift 2
    [ -e "$out/$name/checkpoints" ] && resume=true
    mkdir -p "$out/logs"
    salgan train "$recipe" "${common[@]}" out="$out/$name" resume=$resume "$@" "${more[@]}" > "$out/logs/$name.log" 2>&1
}
# Five epochs with mouse traces, then three without, each of which keeps the epoch that validation prefers.
twice() { # the run's name, its size, its first seed, and what it sees beside gaze
    local name=$1 size=$2 seed=$3 beside=$4
    local lite=(network.drop_path=0.3 size="$size")
    train "$name-1" lite "${lite[@]}" init="$here/../../release/lite-320.safetensors" seed="$seed" \
        sources="[$gaze, $traces$beside]" bootstrap.epochs=5 bootstrap.optimiser.lr=6e-4
    train "$name" lite "${lite[@]}" init="$out/$name-1/network.safetensors" seed=$((seed + 1)) \
        sources="[$gaze$beside]" bootstrap.epochs=3 bootstrap.optimiser.lr=3e-4
}
vgg() {
    local recipe=$here/../best/vgg16.yaml
    local larger=(size="[352,448]" shapes=null shape_shares=null ema=0.995 network.screens=true)
    train vgg-wide-1 "$recipe" "${larger[@]}" init="$vgg" seed=51 sources="[$gaze, $traces, $drawn]" \
        bootstrap.epochs=3 bootstrap.optimiser.lr=5e-4
    train vgg-wide "$recipe" "${larger[@]}" init="$out/vgg-wide-1/network.safetensors" seed=52 \
        sources="[$gaze, $drawn]" bootstrap.epochs=2 bootstrap.optimiser.lr=2e-4
}
if [ "$vgg" = none ]; then
    twice usual-1 "[256,320]" 81 ", $drawn" &
    twice usual-2 "[256,320]" 83 ", $drawn" &
    twice mid-1 "[288,352]" 85 "" &
    twice mid-2 "[288,352]" 87 ", $drawn" &
    twice mid-3 "[288,352]" 89 ", $drawn" &
    twice wide-1 "[352,448]" 91 "" &
    twice wide-2 "[352,448]" 93 ", $drawn" &
else
    vgg &
fi
for job in $(jobs -p); do wait "$job"; done
