/* The library's error domain. Messages are one clear sentence that names the file or the
 * option, says what is wrong and what to do; a front end shows them as they are. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_ERROR (ddpm_error_quark ())

typedef enum
{
  DDPM_ERROR_USAGE,       /* a value asked for is out of range or does not fit the model */
  DDPM_ERROR_FILE,        /* a file is missing, damaged or not what it should be */
  DDPM_ERROR_UNSUPPORTED, /* a file is sound, but of a kind this library does not handle */
  DDPM_ERROR_MEMORY,      /* the memory needed cannot be had */
  DDPM_ERROR_NUMERIC      /* a computation met NaN or infinity */
} DdpmError;

GQuark ddpm_error_quark (void);

/* Sets the error, and returns FALSE, for functions whose answer that is. */
gboolean ddpm_refuse (GError **error, DdpmError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS
