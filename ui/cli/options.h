/* Values of command line options: texts become numbers, sizes and lists, each checked.
 *
 * In all of these `option` is the name for messages ("--steps"); a text of NULL means that the option was not
 * given, leaves the value as it is and is no error. Errors: DDPM_ERROR_USAGE, a sentence that names the
 * option, its range and what was given. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Parses argv with `entries` (NULL-terminated) and leaves the operands in *operands (NULL-terminated, caller
 * frees): exactly as many as `operand_names` has words, say "MODEL PICTURE". `usage` follows "[OPTION…] " in
 * the help's first line. */
gboolean ddpm_options_parse (int argc, char **argv, const GOptionEntry *entries, const char *operand_names,
                             const char *usage, const char *summary, char ***operands, GError **error);

gboolean ddpm_option_get_uint (const char *option, const char *text, guint min, guint max, guint *value,
                               GError **error);
gboolean ddpm_option_get_uint64 (const char *option, const char *text, guint64 min, guint64 max,
                                 guint64 *value, GError **error);

/* min <= value <= max; a decimal point, whatever the locale. */
gboolean ddpm_option_get_double (const char *option, const char *text, double min, double max, double *value,
                                 GError **error);

/* "N" (square) or "WxH", pixels. */
gboolean ddpm_option_get_size (const char *option, const char *text, guint *width, guint *height,
                               GError **error);

/* "64,128,128": 1 … max_values numbers of at least 1. */
gboolean ddpm_option_get_list (const char *option, const char *text, guint max_values, guint *values,
                               guint *n_values, GError **error);

/* One of `names` (NULL-terminated); value is its place. */
gboolean ddpm_option_get_choice (const char *option, const char *text, const char *const *names, guint *value,
                                 GError **error);

/* f32 or bf16: a DdpmPrecision. */
gboolean ddpm_option_get_precision (const char *option, const char *text, guint *value, GError **error);

/* FALSE with the sentence that `option` is missing where text is NULL. */
gboolean ddpm_option_require (const char *option, const char *text, GError **error);

G_END_DECLS
