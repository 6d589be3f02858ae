/* What model_index.json says a folder holds. For this folder's own use. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whether there is one, and FALSE if it, or without it what else lies in the folder, shows that the pipeline
 * needs more than a network and the schedulers that are here; or if the folder is but a part of a model.
 * Errors: DDPM_ERROR_UNSUPPORTED, a sentence that names the part; DDPM_ERROR_FILE. */
gboolean ddpm_model_index_check (GFile *folder, gboolean *has_index, GError **error);

G_END_DECLS
