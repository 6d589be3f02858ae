#!/bin/sh
# ddpm study schedule and samplers: numbers against formulas, drawings, and wrong words.
. "${0%/*}/tap.sh"

# is_near WHAT GOT FORMULA: within a millionth of what awk makes of the formula (float32 tables)
is_near ()
{
  check "$1 ($2)" awk "BEGIN { pi = atan2(0, -1); wanted = $3; off = $2 - wanted; if (off < 0) off = -off
                               exit !(off <= 2e-6 * (wanted < 0 ? -wanted : wanted)) }"
}

# number PATH: of the last command's JSON
number ()
{
  "$look" json "$out" "$1"
}

works 'study schedule --json' study schedule --json
same 'four schedules' "$(number '$.schedules[3].name')" '"sigmoid"'
is_near 'linear beta' "$(number '$.schedules[0].beta[600]')" '1e-4 + (0.02 - 1e-4) * 600 / 999'
is_near 'scaled_linear beta' "$(number '$.schedules[1].beta[600]')" \
  '(sqrt(1e-4) + (sqrt(0.02) - sqrt(1e-4)) * 600 / 999) ^ 2'
is_near 'sigmoid beta' "$(number '$.schedules[3].beta[600]')" \
  '1e-4 + (0.02 - 1e-4) / (1 + exp(6 - 12 * 600 / 999))'
# the product of what the steps leave is a closed form here
is_near 'squaredcos_cap_v2 alpha_bar' "$(number '$.schedules[2].alpha_bar[599]')" \
  '(cos((0.6 + 0.008) / 1.008 * pi / 2) / cos(0.008 / 1.008 * pi / 2)) ^ 2'
# float32 betas: the 600th of them is off by a part in ten millions, and so is the product by less than that
check 'linear alpha_bar' awk "BEGIN { for (t = 0; t <= 600; t++) s += log(1 - (1e-4 + (0.02 - 1e-4) * t / 999))
                                      off = $(number '$.schedules[0].alpha_bar[600]') / exp(s) - 1
                                      exit !(off < 2e-5 && off > -2e-5) }"
is_near 'snr' "$(number '$.schedules[0].snr[600]')" \
  "$(number '$.schedules[0].alpha_bar[600]') / (1 - $(number '$.schedules[0].alpha_bar[600]'))"
# for the cosine alpha_bar is a half where the angle is, but for the offset
check 'balance' awk "BEGIN { a = cos(0.008 / 1.008 * atan2(0, -1) / 2)
                             c = a / sqrt(2); u = atan2(sqrt(1 - c * c), c) * 2 / atan2(0, -1) * 1.008 - 0.008
                             off = $(number '$.schedules[2].balance') - (1000 * u - 1)
                             exit !(off < 0.01 && off > -0.01) }"
works 'rescaled' study schedule --json --zero-snr --timesteps 50
same 'so that nothing is left' "$(number '$.schedules[0].alpha_bar[49]')" 0.0
same 'of 50' "$(number '$.timesteps')" 50
works 'other betas' study schedule --json --beta-start 0.001 --beta-end 0.01
is_near 'first' "$(number '$.schedules[0].beta[0]')" 0.001
is_near 'last' "$(number '$.schedules[0].beta[999]')" 0.01
works 'a table' study schedule
says 'has betas' '^ *999 *0.02 '
same 'three tables, and where they are balanced' "$(grep -c . "$out")" 37
fails 'no timesteps' 2 'timesteps' study schedule --timesteps 0
fails 'a beta above 1' 2 'beta-end' study schedule --beta-end 2

"$make_pictures" model rgb 3 8 8 8 16
mkdir pictures
"$make_pictures" pictures pictures 9 8 8 3
works 'of a model' study schedule rgb --json
same 'whose own is the last' "$(number '$.schedules[4].name')" '"rgb"'
fails 'with other timesteps' 2 'timesteps' study schedule rgb --timesteps 9
fails 'of no model' 1 'nowhere' study schedule nowhere

echo before >curves.svg
works 'a drawing' study schedule rgb -o curves.svg
check 'takes the place of a file' grep -q '^</svg>' curves.svg
check 'with its curves' grep -q 'squaredcos_cap_v2' curves.svg
run study schedule -o curves.png
if [ "$status" -eq 0 ]
then check 'as PNG' test "$("$look" shape curves.png | sed 's/.*x//')" = 3
else skip 'as PNG' 'gdk-pixbuf has no loader for SVG'
fi

quick='--samplers ddpm,heun --steps 2,4 -n 3 --many 8'
works 'study samplers' study samplers rgb pictures $quick --threads 1 --json -o samplers.svg
cp "$out" one.json
same 'two samplers' "$(number '$.samplers[1].sampler')" '"heun"'
same 'two evaluations a step' "$(number '$.samplers[1].runs[1].evaluations')" 7
same 'which is followed' "$(number '$.samplers[0].runs[1].difference')" null
check 'or not' test "$(number '$.samplers[1].runs[1].difference')" != null
check 'a distance' test "$(number '$.samplers[0].runs[0].sliced_wasserstein')" != null
check 'drawn' grep -q 'heun' samplers.svg
works 'on two threads' study samplers rgb pictures $quick --threads 2 --json
check 'it tells the same' cmp -s "$out" one.json
works 'another seed' study samplers rgb pictures $quick --json --seed 1
check 'tells something else' sh -c '! cmp -s "$1" one.json' sh "$out"
works 'tables' study samplers rgb pictures $quick
says 'have both samplers' '^heun '
says 'and the steps' '^steps *2 *4$'
works 'more pictures than there are' study samplers rgb pictures --samplers ddim --steps 2 -n 100 --json
same 'are fewer' "$(number '$.pictures')" 4
"$make_pictures" labelled-model classes 3 8 8 8 16
works 'a label' study samplers classes pictures $quick --label pear
says 'is told' 'label pear'

works 'noise levels' study samplers rgb pictures $quick --sigmas karras --json
same 'that ddpm does not know' "$(number '$.samplers[0].runs[1].evaluations')" 0
same 'but heun does' "$(number '$.samplers[1].runs[1].evaluations')" 7
works 'other ones than it likes best' study samplers rgb pictures $quick --sigmas exponential --json
check 'make other pictures' test "$(number '$.samplers[1].runs[1].difference')" \
  != "$("$look" json one.json '$.samplers[1].runs[1].difference')"
works 'another spacing' study samplers rgb pictures $quick --spacing trailing --json
check 'makes other pictures' test "$(number '$.samplers[0].runs[1].sliced_wasserstein')" \
  != "$("$look" json one.json '$.samplers[0].runs[1].sliced_wasserstein')"

cp -r rgb unsized
sed -i 's/"sample_size"[^,]*,//' unsized/unet/config.json
fails 'pictures of no size' 1 'sample_size' study samplers unsized pictures --steps 2
fails 'an unknown spacing' 2 'spacing' study samplers rgb pictures --spacing even
fails 'noise levels that none knows' 2 'ddim' study samplers rgb pictures --samplers ddim --sigmas karras
fails 'an unknown sampler' 2 'samplers .*one of ddpm' study samplers rgb pictures --samplers ddpm,dpm
fails 'one twice' 2 'twice' study samplers rgb pictures --samplers ddpm,ddpm
fails 'an empty one' 2 'samplers' study samplers rgb pictures --samplers ''
fails 'steps that descend' 2 'ascend' study samplers rgb pictures --steps 4,2
fails 'no steps' 2 'steps' study samplers rgb pictures --steps 0
fails 'more steps than all take' 2 'takes 1 to 1000' study samplers rgb pictures --steps 2000
fails 'one picture' 2 '^ddpm: -n' study samplers rgb pictures -n 1
fails 'parts of no folder' 2 'FOLDER' study samplers rgb --crop 9
fails 'an unknown label' 2 'apple, pear' study samplers classes pictures --label plum
fails 'no folder' 1 'none' study samplers rgb none
fails 'a drawing into no folder' 1 '"none" does not exist' study samplers rgb pictures -o none/pictures.svg

# a signal ends it, and nothing is told
for delay_us in 300000 3000000 15000000
do
  status=0
  "$stop_at" 2 pictures $delay_us "$ddpm" study samplers rgb --steps 900 -n 1000 --json >"$out" 2>"$err" || status=$?
  grep -q stopping "$err" && break # else it had not yet begun
done
same 'stopped by Ctrl-C' "$status" 130
check 'it tells nothing of what it measured' test ! -s "$out"

done_testing
