/* What the tests of reading pictures share. */
#pragma once

#include <string.h>

#include "core/base/error.h"
#include "core/data/image.h"

/* No picture, but an error of this code that has the words in it. */
static inline void
assert_refused (gconstpointer bytes, gsize n_bytes, int code, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmImage) image = ddpm_image_decode (bytes, n_bytes, &error);

  g_assert_null (image);
  g_assert_error (error, DDPM_ERROR, code);
  if (strstr (error->message, words) == NULL)
    g_error ("expected “%s” in “%s”", words, error->message);
}
