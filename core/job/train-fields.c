#include "core/job/train-fields.h"

#include "core/job/sample-job.h"

#define FIELD(member) offsetof (DdpmTrainOptions, member)

static const char *const precisions[] = {
  [DDPM_PRECISION_F32] = "f32", [DDPM_PRECISION_BF16] = "bf16", NULL
};

const DdpmTrainField ddpm_train_fields[] = {
  { "layers_per_block", "--layers", DDPM_FIELD_UINT, FIELD (layers_per_block), 1, 16, 1 },
  { "batch", "--batch", DDPM_FIELD_UINT, FIELD (batch), 1, 4096, .stays_open = TRUE },
  { "accumulate", "--accumulate", DDPM_FIELD_UINT, FIELD (accumulate), 1, 4096, .stays_open = TRUE,
    .is_newer = TRUE },
  { "precision", "--precision", DDPM_FIELD_CHOICE, FIELD (precision), DDPM_PRECISION_F32, DDPM_PRECISION_BF16,
    DDPM_PRECISION_F32, .is_newer = TRUE, .names = precisions },
  { "steps", "--steps", DDPM_FIELD_COUNT, FIELD (steps), 1, 1e9, .stays_open = TRUE, .may_change = TRUE },
  { "lr", "--lr", DDPM_FIELD_REAL, FIELD (lr), 1e-12, 1, .stays_open = TRUE },
  { "warmup_steps", "--warmup", DDPM_FIELD_COUNT, FIELD (warmup_steps), 0, 1e9, 500 },
  { "max_grad_norm", "--max-grad-norm", DDPM_FIELD_REAL, FIELD (max_grad_norm), 0, 1e9, 1 },
  { "ema", "--ema", DDPM_FIELD_REAL, FIELD (ema), 0, 0.9999999, 0.9999 },
  { "dropout", "--dropout", DDPM_FIELD_REAL, FIELD (dropout), 0, 0.99, 0 },
  { "seed", "--seed", DDPM_FIELD_UINT, FIELD (seed), 0, DDPM_MAX_SEED, 0 },
  { "save_every", "--save-every", DDPM_FIELD_COUNT, FIELD (save_every), 0, 1e9, 0, .may_change = TRUE },
  { "sample_every", "--sample-every", DDPM_FIELD_COUNT, FIELD (sample_every), 0, 1e9, .stays_open = TRUE,
    .may_change = TRUE },
  { "flip", "--flip", DDPM_FIELD_TOGGLE, FIELD (flip), 0, 1, .stays_open = TRUE },
  { "flip_vertical", "--flip-vertical", DDPM_FIELD_SWITCH, FIELD (flip_vertical), 0, 1, .is_newer = TRUE },
  { "rotate", "--rotate", DDPM_FIELD_SWITCH, FIELD (rotate), 0, 1, .is_newer = TRUE },
  { "rotate_degrees", "--rotate-degrees", DDPM_FIELD_REAL, FIELD (rotate_degrees), 0, 180, 0,
    .is_newer = TRUE },
  { "scale_jitter", "--scale-jitter", DDPM_FIELD_REAL, FIELD (scale_jitter), 0, 1, 0, .is_newer = TRUE },
  { "colour_jitter", "--colour-jitter", DDPM_FIELD_REAL, FIELD (colour_jitter), 0, 1, 0, .is_newer = TRUE },
  { "quick_scan", "--quick-scan", DDPM_FIELD_SWITCH, FIELD (quick_scan), 0, 1, .is_newer = TRUE },
  { "cache_memory", "--cache-memory", DDPM_FIELD_COUNT, FIELD (cache_memory), 0, 1e9, 0, .may_change = TRUE,
    .is_newer = TRUE },
  { "crop", "--crop", DDPM_FIELD_UINT, FIELD (crop), 0, 65535, .stays_open = TRUE, .is_newer = TRUE },
  { "tileable", "--tileable", DDPM_FIELD_SWITCH, FIELD (tileable), 0, 1, .is_newer = TRUE },
  { "labels", "--labels", DDPM_FIELD_SWITCH, FIELD (labels), 0, 1, .is_newer = TRUE },
  { "min_label_pictures", "--min-label-pictures", DDPM_FIELD_UINT, FIELD (min_label_pictures), 1, 1e6, 10,
    .is_newer = TRUE },
  { "label_dropout", "--label-dropout", DDPM_FIELD_REAL, FIELD (label_dropout), 0, 1, 0.1, .is_newer = TRUE },
  { "held_out", "--held-out", DDPM_FIELD_UINT, FIELD (held_out), 0, 1e6, .stays_open = TRUE,
    .is_newer = TRUE },
  { "loss", "--loss", DDPM_FIELD_CHOICE, FIELD (loss), 0, DDPM_LOSS_MIN_SNR, .stays_open = TRUE,
    .is_newer = TRUE, .names = ddpm_loss_names },
  { "recompute", "--recompute", DDPM_FIELD_SWITCH, FIELD (recompute), 0, 1, .may_change = TRUE,
    .is_newer = TRUE },
};

const guint ddpm_train_n_fields = G_N_ELEMENTS (ddpm_train_fields);

double
ddpm_train_field_get_value (const DdpmTrainOptions *options, const DdpmTrainField *field)
{
  const void *place = (const char *) options + field->offset;

  switch (field->type)
    {
    case DDPM_FIELD_UINT:
    case DDPM_FIELD_CHOICE:
      return *(const guint *) place;
    case DDPM_FIELD_COUNT:
      return (double) *(const guint64 *) place;
    case DDPM_FIELD_SWITCH:
    case DDPM_FIELD_TOGGLE:
      return *(const gboolean *) place;
    default:
      return *(const double *) place;
    }
}

void
ddpm_train_field_set_value (DdpmTrainOptions *options, const DdpmTrainField *field, double value)
{
  void *place = (char *) options + field->offset;

  switch (field->type)
    {
    case DDPM_FIELD_UINT:
    case DDPM_FIELD_CHOICE:
      *(guint *) place = (guint) value;
      break;
    case DDPM_FIELD_COUNT:
      *(guint64 *) place = (guint64) value;
      break;
    case DDPM_FIELD_SWITCH:
    case DDPM_FIELD_TOGGLE:
      *(gboolean *) place = value != 0;
      break;
    default:
      *(double *) place = value;
    }
}

gboolean
ddpm_train_field_is_open (const DdpmTrainOptions *options, const DdpmTrainField *field)
{
  const void *place = (const char *) options + field->offset;

  switch (field->type)
    {
    case DDPM_FIELD_UINT:
    case DDPM_FIELD_CHOICE:
      return *(const guint *) place == DDPM_TRAIN_OPEN;
    case DDPM_FIELD_COUNT:
      return *(const guint64 *) place == DDPM_TRAIN_OPEN_COUNT;
    case DDPM_FIELD_SWITCH:
      return !*(const gboolean *) place;
    case DDPM_FIELD_TOGGLE:
      return *(const gboolean *) place == DDPM_TRAIN_OPEN_SWITCH;
    default:
      return *(const double *) place == DDPM_TRAIN_OPEN_REAL;
    }
}

void
ddpm_train_field_set_open (DdpmTrainOptions *options, const DdpmTrainField *field)
{
  void *place = (char *) options + field->offset;

  switch (field->type)
    {
    case DDPM_FIELD_UINT:
    case DDPM_FIELD_CHOICE:
      *(guint *) place = DDPM_TRAIN_OPEN;
      break;
    case DDPM_FIELD_COUNT:
      *(guint64 *) place = DDPM_TRAIN_OPEN_COUNT;
      break;
    case DDPM_FIELD_SWITCH:
      *(gboolean *) place = FALSE;
      break;
    case DDPM_FIELD_TOGGLE:
      *(gboolean *) place = DDPM_TRAIN_OPEN_SWITCH;
      break;
    default:
      *(double *) place = DDPM_TRAIN_OPEN_REAL;
    }
}
