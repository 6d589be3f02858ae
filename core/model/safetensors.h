/* The safetensors file format: an 8-byte little-endian length, a JSON header of that length, then
 * the tensors' bytes, row-major. A file is untrusted input: every number in its header is checked
 * before it is used. */
#pragma once

#include <gio/gio.h>

#include "core/base/atomic-file.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_DTYPE_F32,
  DDPM_DTYPE_F16,
  DDPM_DTYPE_BF16,
  DDPM_DTYPE_F64,
  DDPM_DTYPE_I64,
  DDPM_DTYPE_I32,
  DDPM_DTYPE_U8,
  DDPM_DTYPE_BOOL
} DdpmDtype;

#define DDPM_TENSOR_MAX_DIMS 8

typedef struct
{
  char *name;
  DdpmDtype dtype;
  guint n_dims; /* 0: a scalar */
  gsize shape[DDPM_TENSOR_MAX_DIMS];
  gsize n_values;
  const guint8 *data; /* inside the mapped file, not necessarily aligned */
  gsize size_bytes;
} DdpmTensor;

typedef struct _DdpmSafetensors DdpmSafetensors; /* a file opened for reading, mapped into memory */

/* Errors: DDPM_ERROR_FILE (missing, truncated, oversized, wrong header, overlapping or unknown parts),
 * DDPM_ERROR_UNSUPPORTED (a pickle or a dtype that is not known), each with a sentence that names the file.
 */
DdpmSafetensors *ddpm_safetensors_open (GFile *file, GError **error);

/* Several files as one: the index, a JSON file with a "weight_map", tells in which each tensor is. Tensors
 * that it does not name are left out. Errors: likewise. */
DdpmSafetensors *ddpm_safetensors_open_pieces (GFile *index, GError **error);

void ddpm_safetensors_free (DdpmSafetensors *file);

/* The tensors in the order of their data; owned by the file. */
const DdpmTensor *ddpm_safetensors_get_tensors (const DdpmSafetensors *file, guint *n_tensors);

/* NULL if there is none of that name. */
const DdpmTensor *ddpm_safetensors_find (const DdpmSafetensors *file, const char *name);

/* A string of "__metadata__", or NULL. */
const char *ddpm_safetensors_get_metadata (const DdpmSafetensors *file, const char *key);

/* Of the whole file, or of all pieces. */
gsize ddpm_safetensors_get_size_bytes (const DdpmSafetensors *file);

/* out[n_values] from F32, F16 (subnormals too), BF16 or F64 (rounded), I64, I32, U8 or BOOL. */
void ddpm_tensor_to_float (const DdpmTensor *tensor, float *out);

/* A tensor to be written; the pointers are borrowed until ddpm_safetensors_write returns. */
typedef struct
{
  const char *name;
  guint n_dims;
  gsize shape[DDPM_TENSOR_MAX_DIMS];
  const float *values;
} DdpmTensorToWrite;

/* Writes all tensors as dtype F32, F16 (round to nearest even, overflow to infinity) or BF16, in the order
 * diffusers writes them (by name), header padded to 8 bytes, "__metadata__" {"format": "pt"} plus the pairs
 * in metadata (NULL-terminated key, value, key, value …; NULL for none). Written under a temporary name in
 * the same folder, flushed, renamed. Errors: DDPM_ERROR_FILE, with the file's name and the system's reason
 * (full disk …); the old file is then intact. */
gboolean ddpm_safetensors_write (GFile *file, const DdpmTensorToWrite *tensors, guint n_tensors,
                                 DdpmDtype dtype, const char *const *metadata, GError **error);

/* The same into a file that the caller has begun and will commit, so that several can appear together. */
gboolean ddpm_safetensors_write_to (DdpmAtomicFile *file, const DdpmTensorToWrite *tensors, guint n_tensors,
                                    DdpmDtype dtype, const char *const *metadata, GError **error);

/* Whether the name is that of a pickled file (.bin, .pt, .pth, .ckpt, .pkl, .pickle). */
gboolean ddpm_file_is_pickle (const char *name);

/* Sets DDPM_ERROR_UNSUPPORTED with the sentence that says why such a file is not read and how to convert it.
 * Always FALSE. */
gboolean ddpm_safetensors_refuse_pickle (const char *name, GError **error);

float ddpm_half_to_float (guint16 half);
guint16 ddpm_float_to_half (float value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSafetensors, ddpm_safetensors_free)

G_END_DECLS
