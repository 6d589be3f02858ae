/* pipeline_*: a model folder, and in io.safetensors a start, the noise of each step, the sample after each
 * step and the picture. case.json says how many steps there are. */
#include "tests/golden/check.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/image.h"
#include "core/model/config.h"
#include "core/model/model.h"

#define TOLERANCE 1e-4 /* times max (1, max |sample|) of the step */

static DdpmSampler *
make_sampler (GFile *folder, const DdpmModel *model, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (folder, "case.json");
  g_autoptr (JsonNode) node = ddpm_json_read (file, error);
  DdpmSamplerOptions options = { 0 };
  JsonObject *object;

  if (node == NULL)
    return NULL;
  options.kind = ddpm_sampler_kind_of_config (&model->scheduler);
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "case.json is not an object");
      return NULL;
    }
  object = json_node_get_object (node);
  options.n_steps = (guint) check_json_double (object, "num_inference_steps", 0);
  options.eta = check_json_double (object, "eta", 0);
  options.use_clipped_model_output = check_json_boolean (object, "use_clipped_model_output", FALSE);
  return ddpm_sampler_new (&options, &model->scheduler, error);
}

/* The last sample x[batch][channels][height][width] as the pipeline delivers it: 8 bits, channels last. */
static gboolean
check_image (const DdpmSafetensors *io, const CheckArray *shape, const float *x, CheckResult *result,
             GError **error)
{
  g_auto (CheckArray) expected = { 0 };
  const gsize n_values = shape->n_values / shape->shape[0];
  double largest = 0;

  if (!check_array_read (io, "image", 4, &expected, error)
      || !check_array_has (&expected, "image", shape->n_values, error))
    return FALSE;
  for (gsize b = 0; b < shape->shape[0]; b++)
    {
      g_autoptr (DdpmImage) image =
        ddpm_image_from_tensor (x + b * n_values, shape->shape[1], shape->shape[2], shape->shape[3], FALSE);

      for (gsize i = 0; i < n_values; i++)
        largest =
          MAX (largest, fabs (rint (255 * (double) image->pixels[i]) - expected.values[b * n_values + i]));
    }
  /* Values of another kind than the samples: mentioned only when they are wrong. */
  if (largest > 1)
    check_add (result, "image, of 255", largest, 1);
  return TRUE;
}

static gboolean
run_steps (const DdpmSafetensors *io, const DdpmModel *model, DdpmSampler *sampler, DdpmUnetPass *pass,
           const CheckArray *start, CheckResult *result, GError **error)
{
  const gsize n = start->n_values;
  const guint batch = start->shape[0];
  g_auto (CheckArray) timesteps = { 0 }, noise = { 0 }, trajectory = { 0 };
  g_autofree float *x = g_memdup2 (start->values, n * sizeof (float));
  g_autofree float *output = g_new (float, n);
  g_autofree float *batch_timesteps = g_new (float, batch);
  guint n_steps;
  const float *steps = ddpm_sampler_get_timesteps (sampler, &n_steps);

  if (!check_array_read (io, "timesteps", 1, &timesteps, error)
      || !check_timesteps (sampler, &timesteps, error)
      || !check_array_read (io, "trajectory", 0, &trajectory, error)
      || !check_array_has (&trajectory, "trajectory", n_steps * n, error))
    return FALSE;
  for (guint i = 0; i < n_steps; i++)
    {
      const float *expected = trajectory.values + i * n;
      const gboolean needs_noise = ddpm_sampler_step_needs_noise (sampler, i);

      if (needs_noise && noise.values == NULL
          && (!check_array_read (io, "noise", 0, &noise, error)
              || !check_array_has (&noise, "noise", n_steps * n, error)))
        return FALSE;
      for (guint b = 0; b < batch; b++)
        batch_timesteps[b] = steps[i];
      ddpm_unet_pass_forward (pass, x, batch_timesteps, NULL, output);
      ddpm_sampler_step (
        sampler, i, i,
        &(DdpmSamplerPiece) {
          .n = n, .output = output, .noise = needs_noise ? noise.values + i * n : NULL, .x = x });
      check_compare (result, "trajectory", x, expected, n, TOLERANCE * MAX (1, check_max_abs (expected, n)));
    }
  return check_image (io, start, x, result, error);
}

gboolean
check_pipeline (GFile *folder, DdpmTeam *team, CheckResult *result, GError **error)
{
  g_autoptr (DdpmModel) model = ddpm_model_open (folder, error);
  g_autoptr (GFile) file = g_file_get_child (folder, "io.safetensors");
  g_autoptr (DdpmSafetensors) io = NULL;
  g_autoptr (DdpmSampler) sampler = NULL;
  g_autoptr (DdpmUnetPass) pass = NULL;
  g_auto (CheckArray) start = { 0 };
  const DdpmUnetConfig *config;
  DdpmPassOptions options;

  if (model == NULL)
    return FALSE;
  config = ddpm_unet_get_config (model->unet);
  sampler = make_sampler (folder, model, error);
  if (sampler == NULL)
    return FALSE;
  io = ddpm_safetensors_open (file, error);
  if (io == NULL || !check_array_read (io, "x_T", 4, &start, error))
    return FALSE;
  if (config->class_embed != DDPM_CLASS_EMBED_NONE || start.shape[1] != config->in_channels
      || config->in_channels != config->out_channels)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE,
                           "x_T does not fit the network, or it takes labels");
      return FALSE;
    }
  options = (DdpmPassOptions) { start.shape[0], start.shape[2], start.shape[3], DDPM_PASS_INFERENCE };
  pass = ddpm_unet_pass_new (model->unet, team, &options, error);
  if (pass == NULL)
    return FALSE;
  ddpm_unet_pass_set_weights (pass, model->weights);
  return run_steps (io, model, sampler, pass, &start, result, error);
}
