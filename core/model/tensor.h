/* What the reader and the writer of safetensors share, for this folder's own use. */
#pragma once

#include "core/model/safetensors.h"

G_BEGIN_DECLS

/* "F32", "F16" …, as the file names them. */
const char *ddpm_dtype_get_name (DdpmDtype dtype);
gboolean ddpm_dtype_from_name (const char *name, DdpmDtype *dtype);
gsize ddpm_dtype_get_size_bytes (DdpmDtype dtype);

/* values[n] as dtype F32, F16 or BF16, little-endian, to out. */
void ddpm_dtype_encode (DdpmDtype dtype, const float *values, gsize n, guint8 *out);

G_END_DECLS
