#include "core/job/train-options.h"

#include "core/base/error.h"
#include "core/job/train-fields.h"

void
ddpm_train_options_init (DdpmTrainOptions *options)
{
  *options = (DdpmTrainOptions) {
    .n_attention = DDPM_TRAIN_OPEN,
    .hours = DDPM_TRAIN_OPEN_REAL,
    .schedule = DDPM_TRAIN_OPEN_SCHEDULE,
    .prediction = DDPM_TRAIN_OPEN_PREDICTION,
    .variance = DDPM_TRAIN_OPEN_VARIANCE,
    .pixels = DDPM_PIXELS_AUTO,
    .dtype = DDPM_TRAIN_OPEN_DTYPE,
  };
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    ddpm_train_field_set_open (options, &ddpm_train_fields[i]);
}

void
ddpm_train_options_clear (DdpmTrainOptions *options)
{
  g_clear_object (&options->pictures);
  g_clear_object (&options->output);
  g_clear_object (&options->from);
}

void
ddpm_train_options_copy (DdpmTrainOptions *copy, const DdpmTrainOptions *options)
{
  *copy = *options;
  if (copy->pictures != NULL)
    g_object_ref (copy->pictures);
  if (copy->output != NULL)
    g_object_ref (copy->output);
  if (copy->from != NULL)
    g_object_ref (copy->from);
}

static gboolean
check_field (const DdpmTrainOptions *options, const DdpmTrainField *field, GError **error)
{
  const double value = ddpm_train_field_get_value (options, field);

  if (ddpm_train_field_is_open (options, field) || (value >= field->least && value <= field->most))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "%s must be between %.10g and %.10g, not %.10g",
               field->option, field->least, field->most, value);
  return FALSE;
}

static gboolean
check_lists (const DdpmTrainOptions *options, GError **error)
{
  if (options->n_channels > DDPM_UNET_MAX_LEVELS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "--channels takes 1 to %d widths, not %u",
                   DDPM_UNET_MAX_LEVELS, options->n_channels);
      return FALSE;
    }
  for (guint i = 0; i < options->n_channels; i++)
    if (options->channels[i] < 1 || options->channels[i] > 8192)
      {
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     "--channels takes widths between 1 and 8192, not %u", options->channels[i]);
        return FALSE;
      }
  if (options->n_attention != DDPM_TRAIN_OPEN && options->n_attention > DDPM_UNET_MAX_LEVELS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "--attention takes at most %d resolutions, not %u",
                   DDPM_UNET_MAX_LEVELS, options->n_attention);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_labels (const DdpmTrainOptions *options, GError **error)
{
  const char *option = NULL;

  if (options->labels || options->resume)
    return TRUE;
  if (options->min_label_pictures != DDPM_TRAIN_OPEN)
    option = "--min-label-pictures";
  else if (options->label_dropout != DDPM_TRAIN_OPEN_REAL)
    option = "--label-dropout";
  if (option == NULL)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "%s means nothing without --labels; add that, or leave it out", option);
  return FALSE;
}

static gboolean
check_crop (const DdpmTrainOptions *options, GError **error)
{
  const guint least = MIN (options->width, options->height);

  if (options->crop == DDPM_TRAIN_OPEN || options->crop == 0 || options->crop >= least)
    return TRUE;
  return ddpm_refuse (
    error, DDPM_ERROR_USAGE,
    "--crop %u is less than --size %ux%u: pictures that are scaled down to %u pixels have no "
    "parts of that size; give a --crop of %u or more, or a smaller --size",
    options->crop, options->width, options->height, options->crop, least);
}

static gboolean
check_hours (const DdpmTrainOptions *options, GError **error)
{
  if (options->hours == DDPM_TRAIN_OPEN_REAL)
    return TRUE;
  if (!(options->hours > 0 && options->hours <= 1e5))
    return ddpm_refuse (error, DDPM_ERROR_USAGE, "--hours must be above 0 and at most 100000, not %.10g",
                        options->hours);
  if (options->steps != DDPM_TRAIN_OPEN_COUNT || options->resume)
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      "--hours cannot be given with %s, since the number of steps is known then; leave one of them out",
      options->resume ? "--resume" : "--steps");
  return TRUE;
}

gboolean
ddpm_train_options_check (const DdpmTrainOptions *options, GError **error)
{
  const guint largest_pixels = 4096;

  if (options->output == NULL)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "Training needs a folder to write the model to; name one with -o");
      return FALSE;
    }
  if (options->pictures == NULL && !options->resume)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "Training needs a folder of pictures; name one");
      return FALSE;
    }
  if (options->width > largest_pixels || options->height > largest_pixels
      || (options->width == 0) != (options->height == 0))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "--size must be between 1 and %u pixels in both directions, not %ux%u", largest_pixels,
                   options->width, options->height);
      return FALSE;
    }
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    if (!check_field (options, &ddpm_train_fields[i], error))
      return FALSE;
  if (options->precision != DDPM_TRAIN_OPEN && !ddpm_precision_check (options->precision, error))
    return FALSE;
  if (options->n_threads > 1024)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "--threads must be between 0 and 1024, not %u",
                   options->n_threads);
      return FALSE;
    }
  if (options->schedule != DDPM_TRAIN_OPEN_SCHEDULE && options->schedule >= DDPM_BETAS_TRAINED)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "--schedule must be one of the schedules that have a formula");
      return FALSE;
    }
  if (options->dtype != DDPM_TRAIN_OPEN_DTYPE && options->dtype != DDPM_DTYPE_F32
      && options->dtype != DDPM_DTYPE_F16)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "Weights are written as float16 or float32 and as nothing else");
      return FALSE;
    }
  if (options->variance != DDPM_TRAIN_OPEN_VARIANCE && options->variance != DDPM_VARIANCE_FIXED_SMALL
      && options->variance != DDPM_VARIANCE_FIXED_LARGE && options->variance != DDPM_VARIANCE_LEARNED_RANGE)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "--variance must be fixed-small, fixed-large or learned");
      return FALSE;
    }
  return check_lists (options, error) && check_labels (options, error) && check_crop (options, error)
         && check_hours (options, error);
}

static gboolean
refuse_change (const char *option, GError **error)
{
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    "%s differs from what this training began with; leave it out to resume, or start a new model in "
    "another folder",
    option);
  return FALSE;
}

/* What is not in the table, of the things that have a single value. */
static gboolean
resume_choices (DdpmTrainOptions *options, const DdpmTrainOptions *stored, GError **error)
{
  if (options->dtype != DDPM_TRAIN_OPEN_DTYPE && options->dtype != stored->dtype)
    return refuse_change ("The type of the weights", error);
  if (options->width != 0 && (options->width != stored->width || options->height != stored->height))
    return refuse_change ("--size", error);
  if (options->from != NULL && (stored->from == NULL || !g_file_equal (options->from, stored->from)))
    return refuse_change ("--from", error);

  options->dtype = stored->dtype;
  options->width = stored->width;
  options->height = stored->height;
  g_set_object (&options->from, stored->from);
  if (options->pictures == NULL)
    g_set_object (&options->pictures, stored->pictures);
  return TRUE;
}

gboolean
ddpm_train_options_resume (DdpmTrainOptions *options, const DdpmTrainOptions *stored, GError **error)
{
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    {
      if (ddpm_train_field_is_open (options, &ddpm_train_fields[i]))
        ddpm_train_field_set_value (options, &ddpm_train_fields[i],
                                    ddpm_train_field_get_value (stored, &ddpm_train_fields[i]));
      else if (!ddpm_train_fields[i].may_change
               && ddpm_train_field_get_value (options, &ddpm_train_fields[i])
                    != ddpm_train_field_get_value (stored, &ddpm_train_fields[i]))
        return refuse_change (ddpm_train_fields[i].option, error);
    }
  return resume_choices (options, stored, error);
}

void
ddpm_train_options_set_defaults (DdpmTrainOptions *options)
{
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    if (ddpm_train_field_is_open (options, &ddpm_train_fields[i]) && !ddpm_train_fields[i].stays_open)
      ddpm_train_field_set_value (options, &ddpm_train_fields[i], ddpm_train_fields[i].fallback);
  if (options->schedule == DDPM_TRAIN_OPEN_SCHEDULE)
    options->schedule = DDPM_BETAS_LINEAR;
  if (options->prediction == DDPM_TRAIN_OPEN_PREDICTION)
    options->prediction = DDPM_PREDICT_EPSILON;
  if (options->variance == DDPM_TRAIN_OPEN_VARIANCE)
    options->variance = DDPM_VARIANCE_FIXED_SMALL;
  if (options->dtype == DDPM_TRAIN_OPEN_DTYPE)
    options->dtype = DDPM_DTYPE_F16;
}
