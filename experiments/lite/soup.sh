#!/usr/bin/env bash
# Several runs from lite-320 at three sizes, with and without screens, the VGG-16 of `best` at larger pictures, and
# three students that some of them teach: what lite is averaged from, and what was tried beside it
# (docs/models/lite.md). Made for one GPU, on which they run side by side.
#
#   bash experiments/lite/soup.sh DATA SCREENS VGG OUT [key=value ...]
#
# DATA is what experiments/paper/train.py unpacks; SCREENS what unlabelled.py makes of screenshots.py; VGG the network
# vgg-large of experiments/best/members.sh; what follows goes to every run. A run that was stopped goes on; one that
# is finished is not repeated.
set -euo pipefail

usage='usage: soup.sh DATA SCREENS VGG OUT [key=value ...]'
data=${1:?$usage} screens=$(realpath "${2:?$usage}") vgg=${3:?$usage} out=${4:?$usage}
shift 4
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../side_by_side.sh"
drawn=", {path: $screens, layout: folder, train: all, val: null}"
common=(data="$data" cache="$data/cache" logger=null image_rows=0 augmentation.warp=0.15 augmentation.colour=0.5
        content.nss=0.15)
more=("$@")

# Five epochs with mouse traces, then three without, each of which keeps the epoch that validation prefers.
twice() { # the run's name, its size, its first seed, and what it sees beside gaze
    local name=$1 seed=$3 beside=$4
    local lite=(network.drop_path=0.3 size="$2")
    run 'salgan train' "$name-1" lite "${lite[@]}" init="$here/../../release/lite-320.safetensors" seed="$seed" \
        sources="[$gaze, $traces$beside]" bootstrap.epochs=5 bootstrap.optimiser.lr=6e-4
    run 'salgan train' "$name" lite "${lite[@]}" init="$out/$name-1/network.safetensors" seed=$((seed + 1)) \
        sources="[$gaze$beside]" bootstrap.epochs=3 bootstrap.optimiser.lr=3e-4
}
vgg_wide() {
    local larger=(size="[352,448]" shapes=null shape_shares=null ema=0.995 network.screens=true)
    run 'salgan train' vgg-wide-1 "$here/../best/vgg16.yaml" "${larger[@]}" init="$vgg" seed=51 \
        sources="[$gaze, $traces$drawn]" bootstrap.epochs=3 bootstrap.optimiser.lr=5e-4
    run 'salgan train' vgg-wide "$here/../best/vgg16.yaml" "${larger[@]}" init="$out/vgg-wide-1/network.safetensors" \
        seed=52 sources="[$gaze$drawn]" bootstrap.epochs=2 bootstrap.optimiser.lr=2e-4
}
student() { # its seed, what it starts from, and what it sees beside gaze
    local teachers=(--teacher "$out/mid-1/network.safetensors") name
    for name in wide-1 wide-2 vgg-wide; do teachers+=(--teacher "$out/$name/network.safetensors@1.2727"); done
    run "python $here/distil.py" "student-$1" lite init="$out/$2/network.safetensors" network.drop_path=0.3 \
        size="[288,352]" seed="$1" sources="[$gaze$3]" bootstrap.epochs=6 bootstrap.optimiser.lr=6e-4 \
        "${teachers[@]}"
}
beside twice usual-1 "[256,320]" 81 "$drawn"
beside twice usual-2 "[256,320]" 83 "$drawn"
beside twice mid-1 "[288,352]" 85 ""
beside twice mid-2 "[288,352]" 87 "$drawn"
beside twice mid-3 "[288,352]" 89 "$drawn"
beside twice wide-1 "[352,448]" 91 ""
beside twice wide-2 "[352,448]" 93 "$drawn"
beside vgg_wide
finished
beside student 61 mid-1 ""
beside student 62 mid-2 "$drawn"
beside student 63 mid-3 ""
finished
