/* How a network's output is read, and dynamic thresholding (Saharia et al. 2022, "Photorealistic
 * text-to-image diffusion models with deep language understanding", section 2.3). */
#include "core/diffusion/samplers/sampler-private.h"

static gboolean
is_clip (const DdpmSchedulerConfig *config)
{
  return config->sample_max_value <= 1;
}

/* Only what a picture's own values decide has to be asked for: with sample_max_value 1, the threshold is 1.
 */
gboolean
ddpm_sampler_needs_threshold (const DdpmSampler *sampler)
{
  return sampler->config.thresholding && !is_clip (&sampler->config);
}

DdpmPredictionReader
ddpm_prediction_reader_new (const DdpmSampler *sampler, guint step, float threshold)
{
  const DdpmSchedulerConfig *config = &sampler->config;
  DdpmPredictionReader reader = {
    .type = config->prediction_type, .level = sampler->levels[step], .limit = INFINITY, .divisor = 1
  };
  double mu_x0, mu_x_t, variance;

  if (reader.type == DDPM_PREDICT_MU)
    {
      ddpm_schedule_get_posterior (sampler->schedule, (guint) rintf (sampler->timesteps[step]), &mu_x0,
                                   &mu_x_t, &variance);
      reader.mu_x0 = (float) mu_x0;
      reader.mu_x_t = (float) mu_x_t;
    }
  if (config->thresholding)
    reader.limit = reader.divisor = is_clip (config) ? (float) config->sample_max_value : threshold;
  else if (config->clip_sample)
    reader.limit = (float) config->clip_sample_range;
  return reader;
}

static void
swap (float *a, float *b)
{
  const float value = *a;

  *a = *b;
  *b = value;
}

/* The value that stands at `place` in the sorted list; values are put into another order, smaller ones before
 * that place. Whatever is neither smaller nor larger than the pivot, NaN too, stays in the middle, so that it
 * comes to an end. */
static float
select_value (float *values, gsize n, gsize place)
{
  gsize begin = 0, end = n;

  while (end - begin > 1)
    {
      const float pivot = values[begin + (end - begin) / 2];
      gsize smaller = begin, larger = end, i = begin;

      while (i < larger)
        if (values[i] < pivot)
          swap (&values[i++], &values[smaller++]);
        else if (values[i] > pivot)
          swap (&values[i], &values[--larger]);
        else
          i++;
      if (place < smaller)
        end = smaller;
      else if (place >= larger)
        begin = larger;
      else
        break;
    }
  return values[place];
}

float
ddpm_sampler_get_threshold (const DdpmSampler *sampler, guint step, const float *model_output, const float *x,
                            float *scratch, gsize n)
{
  const DdpmSchedulerConfig *config = &sampler->config;
  DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, 1);
  const double position = config->dynamic_thresholding_ratio * (double) (n - 1);
  const gsize place = MIN ((gsize) position, n - 1);
  float quantile, next = INFINITY;

  reader.limit = INFINITY;
  for (gsize i = 0; i < n; i++)
    scratch[i] = fabsf (ddpm_prediction_read_x0 (&reader, model_output[i], x[i]));
  next = quantile = select_value (scratch, n, place);
  if (place + 1 < n)
    {
      next = INFINITY;
      for (gsize i = place + 1; i < n; i++)
        next = MIN (next, scratch[i]);
    }
  quantile += (float) (position - (double) place) * (next - quantile);
  return MIN (MAX (quantile, 1.0f), (float) config->sample_max_value);
}
