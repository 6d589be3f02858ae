/* What commands print with --json: members of one object. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* key: NULL in an array. */
void ddpm_json_add_boolean (JsonBuilder *builder, const char *key, gboolean value);
void ddpm_json_add_int (JsonBuilder *builder, const char *key, gint64 value);
void ddpm_json_add_double (JsonBuilder *builder, const char *key, double value);     /* not finite: null */
void ddpm_json_add_string (JsonBuilder *builder, const char *key, const char *text); /* NULL: null */
void ddpm_json_add_doubles (JsonBuilder *builder, const char *key, const double *values, guint n);

/* The finished object or array, on standard output. */
void ddpm_json_print (JsonBuilder *builder);

G_END_DECLS
