/* Folders with models that a person added, remembered in a file of the user's settings. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Paths of the models in them, sorted, each once; NULL-terminated, caller frees. Folders that are gone are
 * passed over. */
char **ddpm_model_folders_list (void);

/* Adds a model's own folder, or one that holds folders of models. The path of its first model, caller frees;
 * NULL: there is none in it (DDPM_ERROR_FILE), or it could not be remembered. */
char *ddpm_model_folders_add (const char *path, GError **error);

G_END_DECLS
