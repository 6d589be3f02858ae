/* What diffusers' schedulers are called, what their files may say, and what they mean where they do not. */
#pragma once

#include "core/diffusion/schedule.h"
#include "core/model/json-fields.h"

G_BEGIN_DECLS

/* One member of scheduler_config.json. */
typedef struct _DdpmSchedulerKey DdpmSchedulerKey;

struct _DdpmSchedulerKey
{
  const char *name;
  guint classes; /* which have it, as ddpm_scheduler_class_find tells them */

  /* From the file to the config, which keeps what it has where the file does not say. Errors as
   * ddpm_scheduler_config_from_json. */
  gboolean (*read) (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
                    GError **error);

  /* What a file would say; NULL: what JSON has no word for, and every class means without one. */
  JsonNode *(*write) (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config);

  gsize offset;             /* in DdpmSchedulerConfig, of members that are as they are in the file */
  const char *const *names; /* of members that are one of some names */
  guint n_names;
  guint min, max; /* of whole numbers */
};

/* In the order of their names, which is that of diffusers' files. */
extern const DdpmSchedulerKey ddpm_scheduler_keys[];
extern const guint ddpm_scheduler_n_keys;

/* The bit of a class, which counts for all whose names begin alike; one that is not known counts as
 * DDPMScheduler. */
guint ddpm_scheduler_class_find (const char *class_name);

/* Sets class_name, and what a file of that class means that says no more. The config is initialised. */
void ddpm_scheduler_config_set_class (DdpmSchedulerConfig *config, const char *class_name);

/* What is predicted and with which variance, in the words of the files. */
const char *ddpm_scheduler_config_name_prediction (const DdpmSchedulerConfig *config);
const char *ddpm_scheduler_config_name_variance (const DdpmSchedulerConfig *config);

G_END_DECLS
