# Sourced by the scripts that train several networks side by side.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used and set by those scripts: $out, ${common[@]} and ${more[@]}

# The sets that experiments/paper/train.py unpacks, as sources of a recipe. Densities are blurred by one degree of
# visual angle in the packed pictures' pixels.
gaze='{path: osie, layout: folder, split: osie, sigma: 14.4},
      {path: eyecrowd, layout: folder, split: eyecrowd, sigma: 12.19},
      {path: sun500, layout: folder, split: sun500, sigma: 14.4}'
traces='{path: osie-mouse, layout: folder, split: osie, sigma: 14.4, val: null}'

run() { # the command, the run's name, the recipe, and what else; a run that was stopped goes on
    local command=$1 name=$2 recipe=$3 resume=false
    shift 3
    [ -e "$out/$name/checkpoints" ] && resume=true
    mkdir -p "$out/logs"
    local log=$out/logs/$name.log code=0
    $command "$recipe" "${common[@]}" out="$out/$name" resume=$resume "$@" "${more[@]}" > "$log" 2>&1 || code=$?
    [ $code = 0 ] || echo "error: $name failed, see $log: $(tail -n 1 "$log")" >&2
    return $code
}
started=()
beside() { # run a command beside this; bash forgets the code of one that ends early unless its number is kept
    (started=(); "$@") &
    started+=($!)
}
finished() { # wait for what runs beside this; one that failed ends the script with its code
    local job
    for job in "${started[@]}"; do wait "$job"; done
    started=()
}
