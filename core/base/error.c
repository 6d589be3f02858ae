#include "core/base/error.h"

G_DEFINE_QUARK (ddpm-error-quark, ddpm_error)

gboolean
ddpm_refuse (GError **error, DdpmError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (DDPM_ERROR, code, format, args);
  va_end (args);
  return FALSE;
}
