/* Which file of a folder holds a network's weights. For this folder's own use. */
#pragma once

#include "core/model/safetensors.h"

G_BEGIN_DECLS

/* diffusion_pytorch_model.safetensors, or the index of one in pieces, or one of a variant
 * (….fp16.safetensors), float16 first. *name: what was opened, for messages, caller frees. Errors:
 * DDPM_ERROR_FILE, DDPM_ERROR_UNSUPPORTED where there is only a pickled one. */
DdpmSafetensors *ddpm_weights_file_open (GFile *folder, char **name, GError **error);

G_END_DECLS
