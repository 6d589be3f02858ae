#!/bin/sh
# The loss of a training as a picture for a model's card:
#   tools/loss-curve.sh mine/train.csv >models/mine/loss.svg
# Both axes are logarithmic: most of what is learned is learned early.
set -eu

if [ $# -ne 1 ] || [ ! -r "$1" ]
then
  echo "usage: tools/loss-curve.sh TRAIN.CSV >LOSS.SVG" >&2
  exit 2
fi

awk -F, '
  function x(step) { return 60 + 520 * (log(step) - log(first)) / (log(last) - log(first)) }
  function y(loss) { return 20 + 240 * (log(high) - log(loss)) / (log(high) - log(low)) }
  NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
  { n++; step[n] = $column["step"]; loss[n] = $column["loss"] }
  END {
    if (n < 2) { print "loss-curve.sh: the file has no two rows to draw a line between" >"/dev/stderr"; exit 1 }
    first = step[1]; last = step[n]; low = high = loss[1]
    for (i = 2; i <= n; i++) { if (loss[i] < low) low = loss[i]; if (loss[i] > high) high = loss[i] }
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 600 300\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"600\" height=\"300\" fill=\"white\"/>"
    for (power = 1; power <= last; power *= 10)
      for (m = 1; m < 10; m += 1)
        if (power * m >= first && power * m <= last && (m == 1 || m == 2 || m == 5))
          printf "<path d=\"M%.1f 20V260\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"276\" text-anchor=\"middle\">%d</text>\n",
                 x(power * m), x(power * m), power * m
    for (power = 0.001; power <= high; power *= 10)
      for (m = 1; m < 10; m += 1)
        if (power * m >= low && power * m <= high && (m == 1 || m == 2 || m == 5))
          printf "<path d=\"M60 %.1fH580\" stroke=\"#ddd\"/><text x=\"54\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                 y(power * m), y(power * m) + 4, power * m
    printf "<path fill=\"none\" stroke=\"#1a5fb4\" stroke-width=\"1.5\" d=\"M"
    for (i = 1; i <= n; i++) printf "%s%.1f %.1f", (i > 1 ? "L" : ""), x(step[i]), y(loss[i])
    print "\"/>"
    print "<text x=\"320\" y=\"294\" text-anchor=\"middle\">step</text><text x=\"574\" y=\"36\" text-anchor=\"end\">loss (mean squared error of epsilon)</text>"
    print "</svg>"
  }' "$1"
