#!/usr/bin/env bash
# More members for `best`, and students that learn from all of them, on one GPU (docs/models/best.md).
#
#   bash experiments/best/members.sh DATA VGG16 LITE0 OUT [key=value ...]
#
# DATA is what experiments/paper/train.py unpacks; VGG16 what caffe.py makes; LITE0 EfficientNet-Lite 0's ImageNet
# weights; what follows goes to every run. A run that was stopped goes on; one that is finished is not repeated.
set -euo pipefail

usage='usage: members.sh DATA VGG16 LITE0 OUT [key=value ...]'
data=${1:?$usage} vgg16=${2:?$usage} lite0=${3:?$usage} out=${4:?$usage}
shift 4
here=$(cd "$(dirname "$0")" && pwd)
lite=$here/../../release/lite-320.safetensors
source "$here/../side_by_side.sh"
eyes=(sources="[$gaze]") all=(sources="[$gaze, $traces]")
common=(data="$data" cache="$data/cache" logger=null image_rows=0)
more=("$@")
stronger=(network.drop_path=0.3 augmentation.warp=0.15 augmentation.colour=0.5 content.nss=0.15)

train() { run 'salgan train' "$@"; }

# VGG-16 at 320×256, the input of lite-320, on gaze and mouse traces and then on gaze alone, as lite-320 learnt.
vgg_large() {
    train vgg-large-1 "$here/vgg16.yaml" "${all[@]}" network.weights="$vgg16" size=[256,320] shapes=null \
        shape_shares=null bootstrap.epochs=12 seed=21
    train vgg-large "$here/vgg16.yaml" "${eyes[@]}" init="$out/vgg-large-1/network.safetensors" size=[256,320] \
        shapes=null shape_shares=null bootstrap.epochs=3 bootstrap.optimiser.lr=3e-4 content.nss=0.15 seed=22
}
# VGG-16 at random shapes: the recipe of the first `best`, four times as long.
vgg_shapes() {
    train vgg-shapes "$here/vgg16.yaml" "${eyes[@]}" network.weights="$vgg16" bootstrap.epochs=16
}
# lite at larger pictures.
lite_wide() {
    train lite-wide-1 lite "${all[@]}" "${stronger[@]}" init="$lite" size=[352,448] seed=31 \
        bootstrap.epochs=5 bootstrap.optimiser.lr=6e-4
    train lite-wide lite "${eyes[@]}" "${stronger[@]}" init="$out/lite-wide-1/network.safetensors" size=[352,448] \
        seed=32 bootstrap.epochs=3 bootstrap.optimiser.lr=3e-4
}
# lite's encoder from ImageNet once more, with other orders.
lite_anew() {
    train lite-anew-1 lite "${all[@]}" network.weights="$lite0" network.text=false size=[224,288] seed=41 \
        bootstrap.epochs=10
    train lite-anew-2 lite "${all[@]}" "${stronger[@]}" network.text=false size=[256,320] seed=42 \
        init="$out/lite-anew-1/network.safetensors" bootstrap.epochs=5 bootstrap.optimiser.lr=6e-4
    train lite-anew lite "${eyes[@]}" "${stronger[@]}" network.text=false size=[256,320] seed=43 \
        init="$out/lite-anew-2/network.safetensors" bootstrap.epochs=3 bootstrap.optimiser.lr=3e-4
}
# What all of them know, in one network of lite's form.
student() { # its seed, and what it starts from
    run "python $here/../lite/distil.py" "student-$1" lite "${eyes[@]}" "${stronger[@]}" init="$2" size=[256,320] \
        seed="$1" bootstrap.epochs=8 bootstrap.optimiser.lr=6e-4 --teacher "$lite" \
        --teacher "$out/lite-wide/network.safetensors@1.4" --teacher "$out/vgg-large/network.safetensors" \
        --teacher "$out/vgg-shapes/network.safetensors@0.85"
}
beside vgg_large
beside vgg_shapes
beside lite_wide
beside lite_anew
finished
beside student 51 "$lite"
beside student 52 "$out/lite-wide/network.safetensors"
finished
