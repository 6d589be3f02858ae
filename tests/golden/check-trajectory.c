/* "trajectories" of schedulers.json: a scheduler's run on an analytic network for data ~ N (m, s^2). It is
 * run twice, fed with the recorded outputs of that network and with outputs computed here. */
#include "tests/golden/check.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/model/config.h"

#define TOLERANCE 2e-5 /* times max (1, max |sample|) of the step */
/* With recorded outputs nothing pulls UniPC's x back that it remembers: rounding grows as the signal does. */
#define TOLERANCE_RECORDED_UNIPC 1e-4

typedef struct
{
  const char *name;
  DdpmSamplerKind kind;
  DdpmSampler *sampler;
  DdpmPrediction prediction; /* of the analytic network */
  DdpmVariance variance;
  double s;
  gboolean in_sigma; /* the recorded samples are x_0 + sigma epsilon */
  gsize n;           /* values of all pictures of a step */
  guint n_pictures;
  gsize n_outputs; /* values that the network says of them: with a learned variance 2n */
  guint n_steps;
  float *state;            /* [n_pictures][planes][n / n_pictures] */
  CheckArray m;            /* [n] */
  CheckArray start;        /* [n], unit noise */
  CheckArray timesteps;    /* [n_steps] */
  CheckArray model_output; /* [n_steps][n_outputs] */
  CheckArray noise;        /* [n_steps][n], or none */
  CheckArray trajectory;   /* [n_steps + 1][n] */
  CheckArray estimate;     /* [n_steps][n], or none: the scheduler's x_0 */
} Trajectory;

static void
trajectory_clear (Trajectory *self)
{
  g_clear_pointer (&self->sampler, ddpm_sampler_free);
  g_free (self->state);
  check_array_clear (&self->m);
  check_array_clear (&self->start);
  check_array_clear (&self->timesteps);
  check_array_clear (&self->model_output);
  check_array_clear (&self->noise);
  check_array_clear (&self->trajectory);
  check_array_clear (&self->estimate);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Trajectory, trajectory_clear)

/* By way of what would be written of it, which has to be the same scheduler. */
static gboolean
read_config (DdpmSchedulerConfig *config, JsonObject *object, const char *name, GError **error)
{
  g_auto (DdpmSchedulerConfig) first = { 0 };
  g_autoptr (JsonNode) written = NULL;

  if (!ddpm_scheduler_config_from_json (&first, json_object_get_member (object, "config"), name, error))
    return FALSE;
  written = ddpm_scheduler_config_to_json (&first);
  return ddpm_scheduler_config_from_json (config, written, name, error);
}

static gboolean
make_sampler (Trajectory *self, JsonObject *object, GError **error)
{
  JsonObject *call = json_object_get_object_member (object, "call");
  JsonNode *list = json_object_get_member (call, "custom_timesteps");
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GArray) timesteps = g_array_new (FALSE, FALSE, sizeof (guint));
  DdpmSamplerOptions options = {
    .n_steps = (guint) check_json_double (call, "num_inference_steps", 0),
    .eta = check_json_double (call, "eta", 0),
    .use_clipped_model_output = check_json_boolean (call, "use_clipped_model_output", FALSE),
  };

  if (!read_config (&config, object, self->name, error))
    return FALSE;
  options.kind = self->kind = ddpm_sampler_kind_of_config (&config);
  self->in_sigma = options.kind == DDPM_SAMPLER_EULER || options.kind == DDPM_SAMPLER_HEUN
                   || options.kind == DDPM_SAMPLER_LMS;
  self->prediction = config.prediction_type;
  self->variance = config.variance_type;
  if (list != NULL && JSON_NODE_HOLDS_ARRAY (list))
    {
      JsonArray *array = json_node_get_array (list);

      for (guint i = 0; i < json_array_get_length (array); i++)
        {
          const guint t = (guint) json_array_get_int_element (array, i);

          g_array_append_val (timesteps, t);
        }
      options.timesteps = (const guint *) timesteps->data;
      options.n_timesteps = timesteps->len;
    }
  self->sampler = ddpm_sampler_new (&options, &config, error);
  return self->sampler != NULL;
}

static gboolean
read_part (const Trajectory *self, const DdpmSafetensors *file, const char *part, gboolean optional,
           gsize n_values, CheckArray *array, GError **error)
{
  g_autofree char *name = g_strdup_printf ("traj.%s.%s", self->name, part);

  if (optional && ddpm_safetensors_find (file, name) == NULL)
    return TRUE;
  return check_array_read (file, name, 0, array, error)
         && (n_values == 0 || check_array_has (array, name, n_values, error));
}

static gboolean
read_arrays (Trajectory *self, JsonObject *object, const DdpmSafetensors *file, GError **error)
{
  JsonObject *model = json_object_get_object_member (object, "model");

  self->s = check_json_double (model, "s", 1);
  if (!read_part (self, file, "m", FALSE, 0, &self->m, error)
      || !read_part (self, file, "timesteps", FALSE, 0, &self->timesteps, error)
      || !check_timesteps (self->sampler, &self->timesteps, error))
    return FALSE;
  self->n = self->m.n_values;
  self->n_pictures = self->m.shape[0];
  self->n_outputs = ddpm_variance_get_out_channels (self->variance, self->n);
  self->n_steps = self->timesteps.n_values;
  return read_part (self, file, "x_T", FALSE, self->n, &self->start, error)
         && read_part (self, file, "model_output", FALSE, self->n_steps * self->n_outputs,
                       &self->model_output, error)
         && read_part (self, file, "trajectory", FALSE, (self->n_steps + 1) * self->n, &self->trajectory,
                       error)
         && read_part (self, file, "noise", TRUE, self->n_steps * self->n, &self->noise, error)
         && read_part (self, file, "pred_original_sample", TRUE, self->n_steps * self->n, &self->estimate,
                       error);
}

/* What it says of the variance, as it did when it was recorded. */
static float
predict_variance (const Trajectory *self, float x)
{
  return self->variance == DDPM_VARIANCE_LEARNED ? 0.01f * (1.1f + tanhf (0.7f * x)) : tanhf (0.7f * x);
}

/* alpha_bar at t, between integers on the line. */
static double
get_alpha_bar (const Trajectory *self, double t)
{
  const DdpmSchedule *schedule = ddpm_sampler_get_schedule (self->sampler);
  const guint below = (guint) t, above = MIN (below + 1, schedule->n_timesteps - 1);

  return schedule->alpha_bar[below]
         + (t - below) * ((double) schedule->alpha_bar[above] - schedule->alpha_bar[below]);
}

/* output[n_outputs]: what the best possible network says about x[n] at timestep t. */
static void
predict (const Trajectory *self, double t, const float *x, float *output)
{
  const gsize n_picture = self->n / self->n_pictures;
  const double a = get_alpha_bar (self, t);
  const double signal = sqrt (a), spread = sqrt (1 - a), d = a * self->s * self->s + 1 - a;

  for (gsize i = 0; i < self->n; i++)
    {
      const double m = self->m.values[i], off = x[i] - signal * m;
      const double epsilon = spread / d * off, x0 = m + signal * self->s * self->s / d * off;
      float *said = output + i / n_picture * (self->n_outputs / self->n_pictures) + i % n_picture;

      if (self->prediction == DDPM_PREDICT_EPSILON)
        *said = (float) epsilon;
      else if (self->prediction == DDPM_PREDICT_SAMPLE)
        *said = (float) x0;
      else
        *said = (float) (signal * epsilon - spread * x0);
      if (self->n_outputs > self->n)
        said[n_picture] = predict_variance (self, x[i]);
    }
}

/* Step number i, picture by picture: what is said of the variance follows what is said of its picture. */
static void
make_step (const Trajectory *self, guint i, const float *output, const float *noise, float *x,
           float *estimate)
{
  const gsize n = self->n / self->n_pictures, n_outputs = self->n_outputs / self->n_pictures;

  for (guint picture = 0; picture < self->n_pictures; picture++)
    {
      const gsize at = picture * n;
      const float *said = output + picture * n_outputs;

      const DdpmSamplerPiece piece = {
        .n = n,
        .output = said,
        .variance = n_outputs > n ? said + n : NULL,
        .noise = noise != NULL ? noise + at : NULL,
        .threshold = ddpm_sampler_needs_threshold (self->sampler)
                       ? ddpm_sampler_get_threshold (self->sampler, i, said, x + at, estimate + at, n)
                       : INFINITY,
        .x = x + at,
        .x0 = estimate + at,
        .state = self->state + picture * ddpm_sampler_get_n_states (self->sampler) * n,
        .plane_size = n,
      };

      ddpm_sampler_step (self->sampler, i, i, &piece);
    }
}

/* What x of the library, before step i, is multiplied by to be what was recorded. */
static float
get_scale (const Trajectory *self, guint i)
{
  double signal, spread;

  ddpm_sampler_get_level (self->sampler, i, &signal, &spread);
  return self->in_sigma ? (float) (1 / signal) : 1;
}

static void
scale_values (const float *values, float scale, float *scaled, gsize n)
{
  for (gsize i = 0; i < n; i++)
    scaled[i] = scale * values[i];
}

static void
compare_samples (const Trajectory *self, const char *what, guint i, const float *x, double tolerance,
                 CheckResult *result)
{
  const float *expected = self->trajectory.values + i * self->n;
  g_autofree float *scaled = g_new (float, self->n);

  scale_values (x, get_scale (self, i), scaled, self->n);
  check_compare (result, what, scaled, expected, self->n,
                 tolerance * MAX (1, check_max_abs (expected, self->n)));
}

static gboolean
run_steps (const Trajectory *self, gboolean recorded, CheckResult *result, GError **error)
{
  const gsize n = self->n;
  g_autofree float *x = g_new (float, n), *output = g_new (float, self->n_outputs);
  g_autofree float *estimate = g_new (float, n);

  ddpm_sampler_start (self->sampler, self->start.values, x, n);
  compare_samples (self, "start", 0, x, TOLERANCE, result);
  for (guint i = 0; i < self->n_steps; i++)
    {
      const gboolean needs_noise = ddpm_sampler_step_needs_noise (self->sampler, i);

      if (needs_noise && self->noise.values == NULL)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC, "step %u takes noise, and there is none", i);
          return FALSE;
        }
      if (recorded)
        scale_values (self->trajectory.values + i * n, 1 / get_scale (self, i), x, n);
      else
        predict (self, self->timesteps.values[i], x, output);
      make_step (self, i, recorded ? self->model_output.values + i * self->n_outputs : output,
                 needs_noise ? self->noise.values + i * n : NULL, x, estimate);
      compare_samples (self, recorded ? "single steps" : "trajectory", i + 1, x,
                       recorded && self->kind == DDPM_SAMPLER_UNIPC ? TOLERANCE_RECORDED_UNIPC : TOLERANCE,
                       result);
      if (recorded && self->estimate.values != NULL)
        {
          const float *x0 = self->estimate.values + i * n, *before = self->trajectory.values + i * n;

          check_compare (result, "pred_original_sample", estimate, x0, n,
                         TOLERANCE * MAX (MAX (1, check_max_abs (x0, n)), check_max_abs (before, n)));
        }
    }
  return TRUE;
}

gboolean
check_trajectory (JsonObject *object, const DdpmSafetensors *file, CheckResult *result, GError **error)
{
  g_auto (Trajectory) self = { .name = json_object_get_string_member (object, "name") };

  if (!make_sampler (&self, object, error) || !read_arrays (&self, object, file, error))
    return FALSE;
  self.state = g_new (float, self.n *(ddpm_sampler_get_n_states (self.sampler) + 1));
  return run_steps (&self, TRUE, result, error) && run_steps (&self, FALSE, result, error);
}
