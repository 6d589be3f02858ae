/* The members of a JSON object, each checked for its type and range, for this folder's own use.
 *
 * A getter leaves *value alone where the member is missing, so that it holds a default before. Each returns
 * FALSE with DDPM_ERROR_FILE and a sentence that names the file and the member. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* What is written as "_diffusers_version": one that knew all the members written here and no others. */
#define DDPM_DIFFUSERS_VERSION "0.33.0"

typedef struct
{
  JsonObject *object;
  const char *file_name;
} DdpmJsonFields;

/* Both are borrowed. FALSE unless node is an object. */
gboolean ddpm_json_fields_init (DdpmJsonFields *fields, JsonNode *node, const char *file_name,
                                GError **error);

/* NULL where the member is missing, or listed in diffusers' _use_default_values. */
JsonNode *ddpm_json_fields_find (const DdpmJsonFields *fields, const char *key);

/* Sets "FILE: "key" has to be EXPECTED". Always FALSE. */
gboolean ddpm_json_fields_fail (const DdpmJsonFields *fields, const char *key, const char *expected,
                                GError **error);

/* A whole number from min to max. */
gboolean ddpm_json_fields_get_uint (const DdpmJsonFields *fields, const char *key, guint min, guint max,
                                    guint *value, GError **error);

/* The same, and null, which becomes 0. */
gboolean ddpm_json_fields_get_uint_or_null (const DdpmJsonFields *fields, const char *key, guint min,
                                            guint max, guint *value, GError **error);

/* A finite number, whole or not. */
gboolean ddpm_json_fields_get_double (const DdpmJsonFields *fields, const char *key, double *value,
                                      GError **error);

gboolean ddpm_json_fields_get_bool (const DdpmJsonFields *fields, const char *key, gboolean *value,
                                    GError **error);

/* The string is the node's; null becomes NULL. */
gboolean ddpm_json_fields_get_string (const DdpmJsonFields *fields, const char *key, const char **value,
                                      GError **error);

/* One of n names, some of which may be NULL, in either case; *value becomes its place. Another string is
 * DDPM_ERROR_UNSUPPORTED. */
gboolean ddpm_json_fields_get_name (const DdpmJsonFields *fields, const char *key, const char *const *names,
                                    guint n, guint *value, GError **error);

/* The value of a node that is a number; FALSE for anything else and for what is not finite. */
gboolean ddpm_json_node_to_double (JsonNode *node, double *value);

/* The value of a node that is a whole number from min to max. */
gboolean ddpm_json_node_to_uint (JsonNode *node, guint min, guint max, guint *value);

/* NULL unless the node is a string. */
const char *ddpm_json_node_to_string (JsonNode *node);

G_END_DECLS
