# Where this system's own apt finds Debian: no mirror is written into the project.

apt_folder=/etc/apt

# apt_sources: every active source of this system, one "URI SUITE COMPONENTS…" a line, from both formats
apt_sources ()
{
  for file in "$apt_folder/sources.list" "$apt_folder"/sources.list.d/*.list
  do
    if [ -f "$file" ]
    then
      sed -n 's/[[:space:]]*#.*//; s/\[[^]]*\]//; s/^[[:space:]]*deb[[:space:]][[:space:]]*//p' "$file"
    fi
  done
  for file in "$apt_folder"/sources.list.d/*.sources
  do
    if [ -f "$file" ]
    then
      # one paragraph a record; the blank line added at the end closes the last one
      { grep -v '^#' "$file"; echo; } | awk '
        function put (   i, j, m, n, uri, suite)
        {
          m = split (f["uris"], uri, " ")
          n = split (f["suites"], suite, " ")
          if (f["types"] ~ /(^| )deb( |$)/ && tolower (f["enabled"]) != "no")
            for (i = 1; i <= m; i++)
              for (j = 1; j <= n; j++)
                print uri[i], suite[j], f["components"]
          split ("", f)
        }
        /^[[:space:]]*$/ { put (); next }
        /^[[:space:]]/ { f[key] = f[key] " " $0; next }
        { key = tolower ($0); sub (/:.*/, "", key); value = $0; sub (/^[^:]*:[[:space:]]*/, "", value); f[key] = value }
        END { put () }'
    fi
  done
}

# plain_uri URI: a list of mirrors (mirror+file:/…) is replaced by its first entry
plain_uri ()
{
  case $1 in
    mirror+file:*)
      list=$(printf '%s' "$1" | sed 's/^mirror+file:\/*/\//')
      sed -n 's/#.*//; s/^[[:space:]]*\([a-z]*:[^[:space:]]*\).*/\1/p' "$list" 2>/dev/null | head -n 1
      ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# debian_mirror: the first source that holds a Debian release with its section "main"
debian_mirror ()
{
  if [ -n "${DDPM_DEBIAN_MIRROR-}" ]
  then
    printf '%s\n' "$DDPM_DEBIAN_MIRROR"
    return
  fi
  plain_uri "$(apt_sources | awk '
    $2 ~ /^(bullseye|bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)$/ && / main( |$)/ { print $1; exit }')"
}

# debian_security_mirror: the source of security updates, or nothing
debian_security_mirror ()
{
  plain_uri "$(apt_sources | awk '$2 ~ /^(bookworm|trixie|stable|oldstable|testing)-security$/ { print $1; exit }')"
}

# apt_network_settings: how this system's apt reaches its mirrors, for the apt inside the root
apt_network_settings ()
{
  apt-config dump | grep -E '^Acquire::(https?::(Proxy|Verify|CaInfo|Timeout|User-Agent)|Retries|Check-Valid-Until|Check-Date)[: ]' || true
}
