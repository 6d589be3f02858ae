/* Most options of a training run are single values; they stand in one table, and checking, defaulting,
 * storing and comparing walk over it. The network's shape, its pixels, its schedule, what it
 * predicts and its variance are not in it: they are stored as the model's own configuration. */
#pragma once

#include "core/job/train-job.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_FIELD_UINT,
  DDPM_FIELD_COUNT, /* guint64 */
  DDPM_FIELD_REAL,
  DDPM_FIELD_SWITCH, /* gboolean; FALSE: open, and the default */
  DDPM_FIELD_TOGGLE, /* gboolean; FALSE is a decision, too */
  DDPM_FIELD_CHOICE, /* guint, a place in `names` */
} DdpmTrainFieldType;

typedef struct
{
  const char *key;    /* in options.json */
  const char *option; /* on the command line */
  DdpmTrainFieldType type;
  gsize offset;
  double least, most; /* both allowed */
  double fallback;
  gboolean stays_open;      /* instead of that: the pictures or the machine decide it, see train-proposal.h */
  gboolean may_change;      /* when the run is resumed */
  gboolean is_newer;        /* files of earlier versions lack it, which counts as its least value */
  const char *const *names; /* of a choice, as given and as stored; NULL-terminated */
} DdpmTrainField;

extern const DdpmTrainField ddpm_train_fields[];
extern const guint ddpm_train_n_fields;

/* The member of options that a field stands for, as a number: exact, since none is above 10^9. */
double ddpm_train_field_get_value (const DdpmTrainOptions *options, const DdpmTrainField *field);
void ddpm_train_field_set_value (DdpmTrainOptions *options, const DdpmTrainField *field, double value);

/* Open: left for the job to decide. */
gboolean ddpm_train_field_is_open (const DdpmTrainOptions *options, const DdpmTrainField *field);
void ddpm_train_field_set_open (DdpmTrainOptions *options, const DdpmTrainField *field);

G_END_DECLS
