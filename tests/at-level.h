/* Tests that meson runs once per CPU level, named by $DDPM_CPU. */
#pragma once

#include <glib.h>
#include <stdio.h>

#include "core/kernels/kernels.h"

/* TRUE if this processor cannot run the level; the Test Anything Protocol has then been told that all is
 * skipped. */
static inline gboolean
skip_level (void)
{
  const char *level = g_getenv ("DDPM_CPU");

  if (level == NULL || ddpm_kernels_find (level) != NULL)
    return FALSE;
  printf ("1..0 # SKIP this processor cannot run %s\n", level);
  return TRUE;
}
