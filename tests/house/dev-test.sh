#!/bin/sh
# dev-test.sh ROOT: ./dev on bad usage, and its reading of apt's sources.
set -eu
. "$(dirname "$0")/tap.sh"
root=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo 1..15

for script in "$root/dev" "$root"/tools/dev/*.sh "$root"/tests/house/*.sh
do
  sh -n "$script" || echo "$script"
done >"$folder/unread" 2>&1
check 'every script parses' '' "$(cat "$folder/unread")"

# refused ARG…: the exit status and the number of lines said
refused ()
{
  status=0
  "$root/dev" "$@" >"$folder/out" 2>"$folder/err" || status=$?
  echo "$status $(wc -l <"$folder/out") $(wc -l <"$folder/err")"
}
check 'an unknown command is refused with one sentence' '2 0 1' "$(refused nonsense)"
check 'an unknown suite is refused with one sentence' '2 0 1' "$(refused test nonsense)"
check 'an unknown suite of the newest GIMP is refused with one sentence' '2 0 1' "$(refused newest nonsense)"
check 'build with an argument is refused with one sentence' '2 0 1' "$(refused build nonsense)"
check 'a comparison with an unknown part is refused with one sentence' '2 0 1' "$(refused bench --quick nonsense)"
check 'a comparison of training without a folder is refused with one sentence' '2 0 1' "$(refused bench training)"
check 'the card of an unknown model is refused with one sentence' '2 0 1' "$(refused card nonsense)"
check 'help speaks on stdout' '0 0' "$(refused help | cut -d' ' -f1,3)"

. "$root/tools/dev/mirror.sh"
unset DDPM_DEBIAN_MIRROR
apt_folder=$folder/apt
mkdir -p "$apt_folder/sources.list.d"

cat >"$apt_folder/sources.list" <<'END'
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://other.example/tool bookworm stable
deb [trusted=yes] http://one.example/debian bookworm main contrib # why
deb http://one.example/debian-security bookworm-security main
END
check 'the mirror of a one-line source' http://one.example/debian "$(debian_mirror)"
check 'the security mirror of a one-line source' http://one.example/debian-security "$(debian_security_mirror)"

rm "$apt_folder/sources.list"
cat >"$apt_folder/sources.list.d/a.sources" <<'END'
Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

# a comment
Types: deb deb-src
URIs: http://two.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 URIs: http://key.example/debian

Types: deb
URIs: mirror+file:LIST
Suites: bookworm-security
Components: main
END
printf '# the first one counts\nhttp://three.example/debian-security priority:1\nhttp://four.example/\n' >"$folder/list"
sed -i "s,LIST,$folder/list," "$apt_folder/sources.list.d/a.sources"
check 'the mirror of a source in paragraphs' http://two.example/debian "$(debian_mirror)"
check 'the security mirror of a list of mirrors' http://three.example/debian-security "$(debian_security_mirror)"

rm "$apt_folder/sources.list.d/a.sources"
check 'no mirror where apt names none' '' "$(debian_mirror)"
DDPM_DEBIAN_MIRROR=http://five.example/debian
check 'a mirror that was given' "$DDPM_DEBIAN_MIRROR" "$(debian_mirror)"

exit $broken
