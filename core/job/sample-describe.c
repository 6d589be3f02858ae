/* The settings of a sampling job's picture as JSON, so that it can be made again. */
#include <json-glib/json-glib.h>

#include "core/job/sample-job-private.h"

const char *const ddpm_sample_task_names[] = {
  "generate", "vary", "interpolate", "fill", "progressive", NULL
};
const char *const ddpm_sizing_names[] = { "auto", "direct", "windows", "fit", NULL };
const char *const ddpm_seamless_names[] = { "none", "x", "y", "both", NULL };
const char *const ddpm_interpolation_names[] = { "noise", "latent", NULL };

static void
add_string (JsonBuilder *builder, const char *key, const char *value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *key, gint64 value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_int_value (builder, value);
}

static void
add_double (JsonBuilder *builder, const char *key, double value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_double_value (builder, value);
}

static void
add_inversion_errors (JsonBuilder *builder, const DdpmSampleJob *job)
{
  if (!ddpm_sample_job_inverts (job) || job->inversion_errors[0] < 0 || job->inversion_errors[1] < 0)
    return;
  json_builder_set_member_name (builder, "inversion-error");
  json_builder_begin_array (builder);
  for (guint end = 0; end < 2; end++)
    json_builder_add_double_value (builder, job->inversion_errors[end]);
  json_builder_end_array (builder);
}

/* The settings that only one task has, and where in it the picture is. */
static void
add_task (JsonBuilder *builder, const DdpmSampleJob *job, guint index)
{
  const DdpmSampleOptions *options = &job->options;

  switch (options->task)
    {
    case DDPM_TASK_GENERATE:
      if (options->shared < 1)
        add_double (builder, "shared", options->shared);
      break;
    case DDPM_TASK_VARY:
      add_double (builder, "strength", options->strength);
      if (options->ladder_to >= 0)
        {
          add_double (builder, "ladder-to", options->ladder_to);
          add_double (builder, "own-strength", ddpm_sample_job_get_strength (job, index));
        }
      break;
    case DDPM_TASK_INTERPOLATE:
      add_string (builder, "method", ddpm_interpolation_names[options->interpolation]);
      add_double (builder, "strength", options->strength);
      add_double (builder, "lambda", ddpm_sample_job_get_lambda (job, index));
      add_inversion_errors (builder, job);
      break;
    case DDPM_TASK_FILL:
      add_int (builder, "resamplings", options->resamplings);
      break;
    case DDPM_TASK_PROGRESSIVE:
      add_int (
        builder, "timestep",
        ddpm_sample_course_get_timestep (&job->courses[0], ddpm_sample_job_get_shown_step (job, index)));
      break;
    }
}

/* A label's name, or its number where it has none; nothing where the model has no labels. */
static void
add_label (JsonBuilder *builder, const DdpmSampleJob *job, guint index)
{
  const DdpmClassEmbed kind = ddpm_unet_get_config (job->model->unet)->class_embed;
  const gboolean is_drawn = job->n_drawn_labels > 0, has_names = ddpm_model_has_label_names (job->model);
  const guint32 label = ddpm_sample_job_get_label (job, index);
  const char *key = is_drawn ? "own-label" : "label";

  if (kind == DDPM_CLASS_EMBED_NONE || kind == DDPM_CLASS_EMBED_IDENTITY)
    return;
  if (is_drawn)
    add_string (builder, "label", DDPM_LABEL_ANY);
  if (!has_names)
    add_int (builder, key, label);
  else
    add_string (builder, key,
                label == ddpm_model_get_no_label (job->model) ? DDPM_LABEL_NONE
                                                              : job->model->notes.labels[label]);
  if (has_names && (is_drawn || label != ddpm_model_get_no_label (job->model)))
    add_double (builder, "guidance", job->options.guidance);
}

char *
ddpm_sample_job_describe (DdpmSampleJob *job, guint index)
{
  const DdpmSampleOptions *options = &job->options;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job) && index < options->count, NULL);

  json_builder_begin_object (builder);
  add_string (builder, "task", ddpm_sample_task_names[options->task]);
  add_string (builder, "model", job->model->name);
  add_int (builder, "seed", options->seed);
  add_int (builder, "index", index);
  add_int (builder, "count", options->count);
  add_string (builder, "sampler", ddpm_sampler_kind_get_name (options->sampler));
  add_int (builder, "steps", options->n_steps);
  if (options->spacing > 0)
    add_string (builder, "spacing", ddpm_sampler_spacing_names[options->spacing]);
  if (options->sigmas > 0)
    add_string (builder, "sigmas", ddpm_sampler_sigmas_names[options->sigmas]);
  add_double (builder, "eta", options->eta);
  add_task (builder, job, index);
  add_label (builder, job, index);
  add_int (builder, "width", job->inputs[0] != NULL ? job->inputs[0]->width : job->wanted_width);
  add_int (builder, "height", job->inputs[0] != NULL ? job->inputs[0]->height : job->wanted_height);
  add_string (builder, "sizing", ddpm_sizing_names[job->sizing]);
  add_string (builder, "seamless", ddpm_seamless_names[job->seamless]);
  add_int (builder, "batch", job->batch);
  add_string (builder, "version", DDPM_VERSION);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}
