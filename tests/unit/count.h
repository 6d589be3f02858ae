/* How often a text has a part. */
#pragma once

#include <glib.h>
#include <string.h>

static inline guint
count (const char *text, const char *part)
{
  guint n = 0;

  for (const char *at = strstr (text, part); at != NULL; at = strstr (at + 1, part))
    n++;
  return n;
}
