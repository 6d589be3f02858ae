/* The JSON files of a diffusers folder: unet/config.json, scheduler/scheduler_config.json,
 * model_index.json, and our own ddpm.json. */
#pragma once

#include <json-glib/json-glib.h>

#include "core/diffusion/schedule.h"
#include "core/nn/unet-config.h"

G_BEGIN_DECLS

/* What ddpm.json says beside model_index.json. */
typedef struct
{
  gboolean premultiplied;      /* alpha models; absent: FALSE, straight alpha */
  gboolean circular_padding;   /* absent: FALSE, zero padding */
  char *recommended_sampler;   /* "ddpm", "ddim"; NULL: not said */
  guint recommended_steps;     /* 0: not said */
  char **labels;               /* NULL-terminated names of the classes; NULL: none */
  char *licence, *source, *thumbnail; /* NULL: not said */
} DdpmModelNotes;

void ddpm_model_notes_clear (DdpmModelNotes *notes);

/* A JSON file's root object. Accepts -Infinity, Infinity and NaN as Python writes them. `what` names the
 * file in messages. Errors: DDPM_ERROR_FILE. */
JsonNode *ddpm_json_read (GFile *file, GError **error);

/* Written aside, flushed and renamed; two spaces of indentation, keys in the order given, final newline as diffusers does. */
gboolean ddpm_json_write (GFile *file, JsonNode *node, GError **error);

/* UNET2D.md, section 1: missing keys take diffusers' defaults, unknown keys are ignored, keys listed in
 * _use_default_values count as missing. Checked with ddpm_unet_config_validate.
 * Errors: DDPM_ERROR_FILE (wrong types or ranges, named), DDPM_ERROR_UNSUPPORTED (Skip blocks, other classes). */
gboolean ddpm_unet_config_from_json (DdpmUnetConfig *config, JsonNode *node, const char *file_name, GError **error);
JsonNode *ddpm_unet_config_to_json (const DdpmUnetConfig *config);

/* SCHEDULERS.md. Any scheduler class is read for its schedule; `_class_name` other than DDPMScheduler and
 * DDIMScheduler is kept in class_name so that a caller can say which sampler it will use instead. */
gboolean ddpm_scheduler_config_from_json (DdpmSchedulerConfig *config, JsonNode *node, const char *file_name,
                                          GError **error);
JsonNode *ddpm_scheduler_config_to_json (const DdpmSchedulerConfig *config);

gboolean ddpm_model_notes_from_json (DdpmModelNotes *notes, JsonNode *node, const char *file_name, GError **error);
JsonNode *ddpm_model_notes_to_json (const DdpmModelNotes *notes);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmModelNotes, ddpm_model_notes_clear)

G_END_DECLS
