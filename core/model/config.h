/* The JSON files of a diffusers folder: unet/config.json, scheduler/scheduler_config.json,
 * model_index.json, and our own ddpm.json. */
#pragma once

#include "core/diffusion/schedule.h"
#include "core/model/json.h"
#include "core/nn/unet-config.h"

G_BEGIN_DECLS

/* What ddpm.json says beside model_index.json. */
typedef struct
{
  gboolean premultiplied;             /* alpha models; absent: FALSE, straight alpha */
  gboolean circular_padding;          /* absent: FALSE, zero padding */
  char *recommended_sampler;          /* "ddpm", "ddim"; NULL: not said */
  guint recommended_steps;            /* 0: not said */
  char **labels;                      /* NULL-terminated names of the classes; NULL: none */
  char *licence, *source, *thumbnail; /* NULL: not said */
} DdpmModelNotes;

void ddpm_model_notes_clear (DdpmModelNotes *notes);

/* Fills in the defaults of diffusers' UNet2DModel, then what the file says. Missing is not null; unknown keys
 * are ignored; keys listed in _use_default_values count as missing. Whether a network can be built is not
 * asked here: ddpm_unet_config_validate, which ddpm_unet_new calls, tells. `file_name` stands in the
 * messages. Errors: DDPM_ERROR_FILE (wrong types, numbers of levels that differ), DDPM_ERROR_UNSUPPORTED
 * (other classes, other blocks). */
gboolean ddpm_unet_config_from_json (DdpmUnetConfig *config, JsonNode *node, const char *file_name,
                                     GError **error);

/* All members that UNet2DModel knows, so that from_pretrained reads the same network; the caller unrefs. */
JsonNode *ddpm_unet_config_to_json (const DdpmUnetConfig *config);

/* Initialises config and fills it; cleared on failure. Any scheduler class for models that predict from
 * discrete timesteps is read, with the defaults of its class; ddpm_sampler_kind_of_config tells the sampler
 * that stands for it. Errors: DDPM_ERROR_FILE, DDPM_ERROR_UNSUPPORTED (schedules, predictions and noise
 * levels of other kinds). */
gboolean ddpm_scheduler_config_from_json (DdpmSchedulerConfig *config, JsonNode *node, const char *file_name,
                                          GError **error);

/* "epsilon, variance fixed_small": what the network predicts; caller frees. */
char *ddpm_scheduler_config_describe (const DdpmSchedulerConfig *config);

/* Under its class's name, with all members that this class has in diffusers and are known here, so that
 * from_pretrained makes the same scheduler; and what is read again is the same config. The caller unrefs. */
JsonNode *ddpm_scheduler_config_to_json (const DdpmSchedulerConfig *config);

/* Initialises notes and fills them; cleared on failure. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_model_notes_from_json (DdpmModelNotes *notes, JsonNode *node, const char *file_name,
                                     GError **error);

/* Only what is said; the caller unrefs. */
JsonNode *ddpm_model_notes_to_json (const DdpmModelNotes *notes);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmModelNotes, ddpm_model_notes_clear)

G_END_DECLS
