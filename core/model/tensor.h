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

/* The values of a float32 tensor where they lie, if this machine's floats look like that; else NULL. */
const float *ddpm_tensor_get_floats (const DdpmTensor *tensor);

/* Values first … first+n-1 to out[n]. */
void ddpm_tensor_part_to_float (const DdpmTensor *tensor, gsize first, gsize n, float *out);

/* Gives back the memory that reading the file took; the next reader gets it from the file again. */
void ddpm_safetensors_forget (const DdpmSafetensors *file);

G_END_DECLS
