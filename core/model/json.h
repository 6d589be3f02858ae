/* JSON files as json-glib's nodes. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Strict JSON, but for NaN, Infinity and -Infinity, which Python writes and which become such doubles. The
 * caller unrefs. Errors: DDPM_ERROR_FILE, "line N: …" without a file's name. */
JsonNode *ddpm_json_parse (const char *text, gsize length, GError **error);

/* A JSON file's root, which has to be an object. Errors: DDPM_ERROR_FILE, naming the file. */
JsonNode *ddpm_json_read (GFile *file, GError **error);

/* Text as Python's json.dumps (indent=2) lays it out: two spaces of indentation, members in the order they
 * were added, the shortest digits that read back as the same double. */
char *ddpm_json_to_text (JsonNode *node);

/* That text and a final newline, written aside, flushed and renamed. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_json_write (GFile *file, JsonNode *node, GError **error);

G_END_DECLS
