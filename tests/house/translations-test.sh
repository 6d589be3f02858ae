#!/bin/sh
# translations-test.sh ROOT: every word that a user of GIMP sees can be translated, and is. The library's sentences are
# among them where its sources say so by core/base/text.h.
set -eu
. "$(dirname "$0")/tap.sh"
cd "$1"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# messages OPTION: those of $folder/merged.po that msgattrib's option says, without the header
messages ()
{
  msgattrib "$1" --no-obsolete --no-wrap "$folder/merged.po" | sed '1,/^$/d; /^#/d; /^msgstr/d; /^$/d'
}

languages=$(sed 's/#.*//' po/LINGUAS)
printf "%s\n" $languages >"$folder/languages"
sed 's/#.*//; /^$/d' po/POTFILES.in | LC_ALL=C sort >"$folder/listed"
find core plugin ui/gtk -name '*.[ch]' -exec grep -lE '\<(_|N_|C_|NC_|ngettext) \("?' {} + | LC_ALL=C sort >"$folder/marked"
echo "1..$((3 + 3 * $(echo "$languages" | wc -w)))"
report 'po/POTFILES.in lists the sources with words for users' "$(diff "$folder/listed" "$folder/marked" || true)"
report 'po/LINGUAS lists the translations' \
  "$(for file in po/*.po; do basename "$file" .po; done | diff - "$folder/languages" || true)"

grep '^core/' "$folder/marked" >"$folder/library"
report 'every sentence is marked in a source of the library that marks any' \
  "$(xgettext --files-from="$folder/library" --output=- --omit-header --no-wrap --from-code=UTF-8 --language=C \
    --keyword --keyword=g_set_error:4 --keyword=g_set_error_literal:4 --keyword=ddpm_refuse:3 --keyword=g_prefix_error:2 \
    --keyword=ddpm_json_scan_fail:3 --keyword=ddpm_json_fields_fail:3 --keyword=fail:3 \
    | grep -v '"%s\(: \)\?"$' | sed -n 's/^msgid //p')"

xgettext --files-from="$folder/marked" --output="$folder/all.pot" --from-code=UTF-8 --language=C \
  --keyword=_ --keyword=N_ --keyword=C_:1c,2 --keyword=NC_:1c,2
for language in $languages
do
  report "$language: no message is broken" \
    "$(msgfmt --check --check-accelerators=_ --output-file=/dev/null "po/$language.po" 2>&1)"
  msgmerge --quiet --no-fuzzy-matching --output-file="$folder/merged.po" "po/$language.po" "$folder/all.pot"
  report "$language: every message is translated" "$(messages --untranslated; messages --only-fuzzy)"
  report "$language: none that is gone" "$(msgattrib --only-obsolete "$folder/merged.po" | sed -n 's/^#~ msgid //p')"
done

exit $broken
