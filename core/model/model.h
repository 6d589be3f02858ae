/* A model folder: config, weights, scheduler and notes, opened or written as one.
 *
 * Nested as diffusers writes it (model_index.json, unet/, scheduler/) or flat (config.json,
 * diffusion_pytorch_model.safetensors and scheduler_config.json side by side, as google/ddpm-* are). */
#pragma once

#include <gio/gio.h>

#include "core/diffusion/schedule.h"
#include "core/model/config.h"
#include "core/model/safetensors.h"
#include "core/nn/unet.h"

G_BEGIN_DECLS

typedef struct
{
  char *name; /* the folder's last part */
  GFile *folder;
  DdpmUnet *unet;
  float *weights; /* slab, ddpm_unet_get_n_weights (unet) floats; NULL: still in the file */
  DdpmSchedulerConfig scheduler;
  DdpmModelNotes notes;
  DdpmDtype dtype;        /* of the largest tensor on disk */
  gsize weights_bytes;    /* the weights file's size */
  gboolean is_ema;        /* the network is that of unet_ema/ */
  gboolean has_scheduler; /* it was read; else it is the usual one */
} DdpmModel;

/* Looks `name` up as a folder (a path, absolute or relative to the working folder), then as a name
 * in these folders, in order: extra_folder (may be NULL; the plug-in's own models/),
 * $XDG_DATA_HOME/gimp-ddpm/models, every g_get_system_data_dirs ()/gimp-ddpm/models, models/ and
 * ../models beside the running executable. Errors: DDPM_ERROR_FILE, a sentence that says where it was looked
 * for. */
GFile *ddpm_model_find (const char *name, GFile *extra_folder, GError **error);

/* Whether the folder has the files by which a model is known; whether it can be opened, ddpm_model_open says.
 */
gboolean ddpm_model_is_folder (const char *path);

/* Names (or paths) of all models in those folders, sorted, each once; NULL-terminated, caller frees. */
char **ddpm_model_list (GFile *extra_folder);

/* Everything is checked: missing, truncated, oversized, wrong-shaped and pickled files each give their
 * sentence. Tensors nobody asks for are ignored; old attention names are accepted, also mixed.
 * Errors: DDPM_ERROR_FILE, DDPM_ERROR_UNSUPPORTED, DDPM_ERROR_MEMORY. */
DdpmModel *ddpm_model_open (GFile *folder, GError **error);

/* The same with the network in unet_ema/ beside unet/, where diffusers' training scripts keep the averaged
 * weights. */
DdpmModel *ddpm_model_open_ema (GFile *folder, GError **error);
void ddpm_model_free (DdpmModel *model);

/* FALSE unless the network takes pictures, and gives what the scheduler's variance asks for: as many
 * channels, or twice as many. Errors: DDPM_ERROR_UNSUPPORTED. */
gboolean ddpm_model_check_channels (const DdpmModel *model, GError **error);

/* Whether ddpm.json names the labels; those of a published model are numbers. */
gboolean ddpm_model_has_label_names (const DdpmModel *model);

/* How many labels there are to choose from; 0 where it has none, or such as cannot be counted. */
guint ddpm_model_count_labels (const DdpmModel *model);

/* The label of pictures that have none: the last row of the class table. */
guint32 ddpm_model_get_no_label (const DdpmModel *model);

/* *row of a label, by its name in any case, or where there are no names by its number; NULL: none. Errors:
 * DDPM_ERROR_USAGE, a sentence that says which there are. */
gboolean ddpm_model_find_label (const DdpmModel *model, const char *label, guint32 *row, GError **error);

/* The same without reading the weights, whose header is checked: for lists, and for passes, which take the
 * weights from the file without a slab between. */
DdpmModel *ddpm_model_open_header (GFile *folder, GError **error);

/* The weights of a model that was opened without them, into a slab. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_model_read_weights (const DdpmModel *model, float *weights, GError **error);

/* Packs the model's weights, from its slab or from its file, into an inference pass of its network.
 * Errors: those of ddpm_model_open. */
gboolean ddpm_model_pack_weights (const DdpmModel *model, DdpmUnetPass *pass, DdpmTeam *team, GError **error);

/* Fills weights[n_weights of unet] from an open file; used by ddpm_model_open and golden tests.
 * Errors: DDPM_ERROR_FILE naming the first missing or wrong-shaped tensor. */
gboolean ddpm_unet_load_weights (const DdpmUnet *unet, const DdpmSafetensors *file, const char *file_name,
                                 float *weights, GError **error);

/* Packs them into an inference pass of the network instead, with the team's help. Errors: the same. */
gboolean ddpm_unet_pack_weights (const DdpmUnet *unet, const DdpmSafetensors *file, const char *file_name,
                                 DdpmUnetPass *pass, DdpmTeam *team, GError **error);

/* The same without the values: whether each parameter has its tensor. */
gboolean ddpm_unet_check_weights (const DdpmUnet *unet, const DdpmSafetensors *file, const char *file_name,
                                  GError **error);

/* Writes a nested diffusers folder: unet/config.json, unet/diffusion_pytorch_model.safetensors (dtype F32 or
 * F16), scheduler/scheduler_config.json, ddpm.json, model_index.json last. Creates the folder when missing;
 * each file is written aside and renamed. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_model_save (GFile *folder, const DdpmUnet *unet, const float *weights,
                          const DdpmSchedulerConfig *scheduler, const DdpmModelNotes *notes, DdpmDtype dtype,
                          GError **error);

/* Writes a model that was opened with its weights, and its thumbnail, to a folder that is not there yet or
 * empty: as ddpm_model_save does, but all at once. dtype as there. Errors: DDPM_ERROR_USAGE (something is
 * there; weights that dtype cannot hold), DDPM_ERROR_FILE. */
gboolean ddpm_model_convert (const DdpmModel *model, GFile *output, DdpmDtype dtype, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmModel, ddpm_model_free)

G_END_DECLS
