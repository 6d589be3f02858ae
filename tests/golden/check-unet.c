/* unet_*: config.json, diffusion_pytorch_model.safetensors and io.safetensors with an input and the output
 * that belongs to it, in some with the gradients of a loss. */
#include "tests/golden/check.h"

#include <math.h>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/model/config.h"
#include "core/model/model.h"

#define OUTPUT_TOLERANCE 2e-5 /* times max (1, max |output|) */
/* Likewise. A factor is rounded by up to 2^-9 of itself, some 30 convolutions follow each other, and the
 * transforms of F(4x4, 3x3) enlarge what rounding adds fivefold. */
#define BF16_TOLERANCE 6e-2
#define GRADIENT_TOLERANCE 1e-4 /* times max |gradient| of the tensor */
#define GRADIENT_TOLERANCE_ABS 1e-6
#define LOSS_TOLERANCE 1e-5 /* times the loss */

typedef struct
{
  DdpmUnet *unet;
  float *weights;
  DdpmSafetensors *io;
  CheckArray sample, output;
  float *timesteps;        /* [batch] */
  CheckArray class_labels; /* as in the file, or none */
  guint32 *labels;         /* [batch], or NULL */
  guint batch, height, width;
} UnetCase;

static void
unet_case_clear (UnetCase *self)
{
  g_clear_pointer (&self->unet, ddpm_unet_free);
  g_clear_pointer (&self->io, ddpm_safetensors_free);
  g_free (self->weights);
  check_array_clear (&self->sample);
  check_array_clear (&self->output);
  check_array_clear (&self->class_labels);
  g_free (self->timesteps);
  g_free (self->labels);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (UnetCase, unet_case_clear)

static gboolean
load_network (UnetCase *self, GFile *folder, GError **error)
{
  g_autoptr (GFile) config_file = g_file_get_child (folder, "config.json");
  g_autoptr (GFile) weights_file = g_file_get_child (folder, "diffusion_pytorch_model.safetensors");
  g_autoptr (JsonNode) node = ddpm_json_read (config_file, error);
  g_autoptr (DdpmSafetensors) weights = NULL;
  DdpmUnetConfig config;

  if (node == NULL || !ddpm_unet_config_from_json (&config, node, "config.json", error))
    return FALSE;
  /* The recorded gradients are those of a network that drops nothing. */
  config.dropout = 0;
  self->unet = ddpm_unet_new (&config, error);
  if (self->unet == NULL)
    return FALSE;
  weights = ddpm_safetensors_open (weights_file, error);
  if (weights == NULL)
    return FALSE;
  self->weights = g_new (float, ddpm_unet_get_n_weights (self->unet));
  return ddpm_unet_load_weights (self->unet, weights, "diffusion_pytorch_model.safetensors", self->weights,
                                 error);
}

/* Numbers, of which a class table has a row for each, or vectors. */
static gboolean
load_labels (UnetCase *self, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (self->unet);
  const guint n_classes = ddpm_unet_config_get_n_classes (config);
  CheckArray *labels = &self->class_labels;

  if (config->class_embed == DDPM_CLASS_EMBED_NONE)
    return TRUE;
  if (config->class_embed == DDPM_CLASS_EMBED_IDENTITY)
    {
      const guint width = ddpm_unet_find_param (self->unet, "time_embedding.linear_2.bias")->shape[0];

      return check_array_read (self->io, "class_labels", 2, labels, error)
             && check_array_has (labels, "class_labels", (gsize) self->batch * width, error);
    }
  if (!check_array_read (self->io, "class_labels", 1, labels, error)
      || !check_array_has (labels, "class_labels", self->batch, error))
    return FALSE;
  self->labels = g_new (guint32, self->batch);
  for (guint i = 0; i < self->batch; i++)
    {
      if (!(labels->values[i] >= 0 && (n_classes == 0 || labels->values[i] < (float) n_classes)))
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "class_labels has %g, beyond the table's %u rows",
                       labels->values[i], n_classes);
          return FALSE;
        }
      self->labels[i] = (guint32) labels->values[i];
    }
  return TRUE;
}

static gboolean
load_arrays (UnetCase *self, GFile *folder, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (self->unet);
  g_autoptr (GFile) file = g_file_get_child (folder, "io.safetensors");
  g_auto (CheckArray) timestep = { 0 };

  self->io = ddpm_safetensors_open (file, error);
  if (self->io == NULL || !check_array_read (self->io, "sample", 4, &self->sample, error)
      || !check_array_read (self->io, "output", 4, &self->output, error)
      || !check_array_read (self->io, "timestep", 0, &timestep, error))
    return FALSE;

  self->batch = self->sample.shape[0];
  self->height = self->sample.shape[2];
  self->width = self->sample.shape[3];
  if (self->sample.n_values == 0 || self->sample.shape[1] != config->in_channels
      || self->output.shape[1] != config->out_channels)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE,
                           "sample or output does not fit config.json's channels");
      return FALSE;
    }
  if (!check_array_has (&self->output, "output",
                        (gsize) self->batch * config->out_channels * self->height * self->width, error)
      || (timestep.n_values != 1 && !check_array_has (&timestep, "timestep", self->batch, error)))
    return FALSE;
  self->timesteps = g_new (float, self->batch);
  for (guint i = 0; i < self->batch; i++)
    self->timesteps[i] = timestep.values[timestep.n_values == 1 ? 0 : i];

  return load_labels (self, error);
}

/* A pass of that mode, run forward; output[of the case] is compared. Caller frees. */
static DdpmUnetPass *
run_forward (const UnetCase *self, DdpmTeam *team, DdpmPassMode mode, DdpmPrecision precision, float *output,
             CheckResult *result, GError **error)
{
  const DdpmPassOptions options = { self->batch, self->height, self->width, mode, precision };
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (self->unet, team, &options, error);
  const gsize n = self->output.n_values;
  const double scale = MAX (1, check_max_abs (self->output.values, n));

  if (pass == NULL)
    return NULL;
  ddpm_unet_pass_set_weights (pass, self->weights);
  ddpm_unet_pass_set_label_vectors (pass, self->class_labels.values);
  ddpm_unet_pass_forward (pass, self->sample.values, self->timesteps, self->labels, output);
  if (precision == DDPM_PRECISION_BF16)
    check_compare (result, "output in bf16", output, self->output.values, n, BF16_TOLERANCE * scale);
  else
    check_compare (result, mode == DDPM_PASS_TRAINING ? "output (training)" : "output", output,
                   self->output.values, n, OUTPUT_TOLERANCE * scale);
  return g_steal_pointer (&pass);
}

static gboolean
compare_gradient (const UnetCase *self, const char *name, const float *gradient, gsize n, CheckResult *result,
                  GError **error)
{
  g_auto (CheckArray) expected = { 0 };

  if (!check_array_read (self->io, name, 0, &expected, error) || !check_array_has (&expected, name, n, error))
    return FALSE;
  check_compare (result, name, gradient, expected.values, n,
                 GRADIENT_TOLERANCE * check_max_abs (expected.values, n) + GRADIENT_TOLERANCE_ABS);
  return TRUE;
}

/* loss = mean ((output - target)^2), its gradient by every parameter and by the input. */
static gboolean
check_gradients (const UnetCase *self, DdpmTeam *team, float *output, CheckResult *result, GError **error)
{
  g_autoptr (DdpmUnetPass) pass = NULL;
  g_auto (CheckArray) target = { 0 }, loss = { 0 };
  const gsize n = self->output.n_values;
  g_autofree float *grad_output = g_new (float, n);
  g_autofree float *grad_input = g_new (float, self->sample.n_values);
  g_autofree float *grad_weights = g_new0 (float, ddpm_unet_get_n_weights (self->unet));
  double sum = 0;
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (self->unet, &n_params);

  if (!check_array_read (self->io, "target", 4, &target, error)
      || !check_array_has (&target, "target", n, error)
      || !check_array_read (self->io, "loss", 0, &loss, error) || !check_array_has (&loss, "loss", 1, error))
    return FALSE;
  pass = run_forward (self, team, DDPM_PASS_TRAINING, DDPM_PRECISION_F32, output, result, error);
  if (pass == NULL)
    return FALSE;

  for (gsize i = 0; i < n; i++)
    {
      const double difference = (double) output[i] - target.values[i];

      sum += difference * difference;
      grad_output[i] = (float) (2 * difference / n);
    }
  check_add (result, "loss", fabs (sum / n - loss.values[0]),
             LOSS_TOLERANCE * MAX (1e-3, fabs (loss.values[0])));

  ddpm_unet_pass_backward (pass, grad_output, grad_weights, grad_input);
  if (!compare_gradient (self, "grad_input", grad_input, self->sample.n_values, result, error))
    return FALSE;
  for (guint i = 0; i < n_params; i++)
    {
      g_autofree char *name = g_strconcat ("grad.", params[i].name, NULL);

      if (!compare_gradient (self, name, grad_weights + params[i].offset, params[i].n_values, result, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
check_unet (GFile *folder, DdpmTeam *team, CheckResult *result, GError **error)
{
  g_auto (UnetCase) self = { 0 };
  g_autoptr (DdpmUnetPass) pass = NULL;
  g_autofree float *output = NULL;

  if (!load_network (&self, folder, error) || !load_arrays (&self, folder, error))
    return FALSE;
  output = g_new (float, self.output.n_values);
  pass = run_forward (&self, team, DDPM_PASS_INFERENCE, DDPM_PRECISION_F32, output, result, error);
  if (pass == NULL)
    return FALSE;
  if (ddpm_kernels_get ()->has_bf16)
    {
      g_clear_pointer (&pass, ddpm_unet_pass_free);
      pass = run_forward (&self, team, DDPM_PASS_INFERENCE, DDPM_PRECISION_BF16, output, result, error);
      if (pass == NULL)
        return FALSE;
    }
  return ddpm_safetensors_find (self.io, "target") == NULL
         || check_gradients (&self, team, output, result, error);
}
