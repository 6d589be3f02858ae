/* What the tests of the JSON files share. */
#pragma once

#include <string.h>

#include "core/base/error.h"
#include "core/model/config.h"

static inline JsonNode *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonNode *node = ddpm_json_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return node;
}

typedef gboolean (*Reader) (JsonNode *node, GError **error);

static inline void
assert_refused (Reader reader, const char *text, DdpmError code, const char *reason)
{
  g_autoptr (JsonNode) node = parse (text);
  g_autoptr (GError) error = NULL;

  if (reader (node, &error))
    g_error ("%s was accepted", text);
  g_assert_error (error, DDPM_ERROR, (gint) code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "some/config.json"));
  g_assert_nonnull (strstr (error->message, reason));
}
