#include "ui/cli/evaluate-report.h"

#include <math.h>
#include <stdio.h>

#include "ui/cli/json.h"

static void
print_standard_error (double standard_error)
{
  if (isfinite (standard_error))
    printf (", standard error %.4f", standard_error);
}

static void
print_bound (const DdpmEvaluation *e)
{
  if (e->n_draws > 0)
    printf ("timesteps    0 and %u more of %u for each picture: an estimate\n", e->n_draws, e->n_timesteps);
  else
    printf ("timesteps    all %u for each picture\n", e->n_timesteps);
  printf ("L_simple     %.6g\n", e->simple);
  for (guint i = 0; i < DDPM_EVALUATE_N_PARTS; i++)
    if (isfinite (e->simple_of_part[i]))
      printf ("%s%u to %u%% of T: %.4g",
              i == 0       ? "             "
              : i % 4 == 0 ? "\n             "
                           : ", ",
              10 * i, 10 * (i + 1), e->simple_of_part[i]);
  printf ("\nL_T          %.6f bits per dimension\n", e->prior_bits);
  printf ("L_(t-1)      %.4f\n", e->between_bits);
  printf ("L_0          %.4f\n", e->decoder_bits);
  printf ("together     %.4f bits per dimension", e->total_bits);
  print_standard_error (e->standard_error_bits);
  printf ("\n");
}

/* A line of the table of distances. others: NULL: none were measured. */
static void
print_row (const char *name, int decimals, double samples, const double *others)
{
  printf ("             %-24s %8.*f", name, decimals, samples);
  if (others != NULL)
    printf (" %15.*f", decimals, *others);
  printf ("\n");
}

static void
print_distances (const DdpmEvaluateOptions *options, const DdpmEvaluation *e)
{
  const DdpmDistances *d = &e->distances, *others = e->has_others ? &e->others : NULL;
  const guint last = d->n_levels - 1;
  double scaled;

  printf ("samples      %u by %s in %u steps, against %u pictures\n", options->n_samples,
          ddpm_sampler_kind_get_name (e->sampler), e->sampler_steps, e->n_reference);
  printf ("             %-24s %8s%s\n", "", "samples", others != NULL ? "  other pictures" : "");
  for (guint l = 0; l < d->n_levels; l++)
    {
      g_autofree char *name = g_strdup_printf ("SWD x 1000, %ux%u", d->widths[l], d->heights[l]);

      scaled = e->has_others ? 1000 * others->sliced_wasserstein[l] : NAN;
      print_row (name, 2, 1000 * d->sliced_wasserstein[l], others != NULL ? &scaled : NULL);
    }
  scaled = e->has_others ? 1000 * others->sliced_wasserstein_mean : NAN;
  print_row ("SWD x 1000, mean", 2, 1000 * d->sliced_wasserstein_mean, others != NULL ? &scaled : NULL);
  print_row ("precision", 3, d->precision, others != NULL ? &others->precision : NULL);
  print_row ("recall", 3, d->recall, others != NULL ? &others->recall : NULL);
  print_row ("nearest picture, RMS", 2, d->nearest, others != NULL ? &others->nearest : NULL);
  if (isfinite (d->nearest_within))
    printf ("             pictures are %.2f from the nearest other one, of 255, at %ux%u\n",
            d->nearest_within, d->widths[last], d->heights[last]);
}

void
ddpm_evaluate_report_text (const DdpmModel *model, const DdpmEvaluateOptions *options,
                           const DdpmEvaluation *e)
{
  g_autofree char *predicts = ddpm_scheduler_config_describe (&model->scheduler);

  printf ("model        %s, which predicts %s\n", model->name, predicts);
  printf ("pictures     %u, %ux%u pixels, %u channel%s", e->n_pictures, e->width, e->height, e->n_channels,
          e->n_channels == 1 ? "" : "s");
  if (e->n_labelled > 0)
    printf (", %u with a label", e->n_labelled);
  printf ("\n");
  if (!options->skip_bound)
    print_bound (e);
  if (options->flow_steps > 0)
    {
      printf ("flow         %.4f bits per dimension", e->flow_bits);
      print_standard_error (e->flow_standard_error_bits);
      printf (", in %u steps\n", options->flow_steps);
    }
  for (guint i = 0; i < options->n_reconstructions; i++)
    printf ("%s %4u steps of ddim to the latent, and back: RMS %.3f of 255, a picture's median %.3f\n",
            i == 0 ? "reconstruct " : "            ", options->reconstruct_steps[i], e->reconstruction_rms[i],
            e->reconstruction_median[i]);
  if (options->n_samples > 0)
    print_distances (options, e);
}

static void
add_bound (JsonBuilder *builder, const DdpmEvaluation *e)
{
  ddpm_json_add_int (builder, "draws", e->n_draws > 0 ? e->n_draws : e->n_timesteps - 1);
  ddpm_json_add_double (builder, "l_simple", e->simple);
  ddpm_json_add_doubles (builder, "l_simple_by_tenth", e->simple_of_part, DDPM_EVALUATE_N_PARTS);
  ddpm_json_add_double (builder, "l_T_bits", e->prior_bits);
  ddpm_json_add_double (builder, "l_between_bits", e->between_bits);
  ddpm_json_add_double (builder, "l_0_bits", e->decoder_bits);
  ddpm_json_add_double (builder, "bits_per_dimension", e->total_bits);
  ddpm_json_add_double (builder, "standard_error", e->standard_error_bits);
}

static void
add_flow (JsonBuilder *builder, const DdpmEvaluateOptions *options, const DdpmEvaluation *e)
{
  json_builder_set_member_name (builder, "flow");
  json_builder_begin_object (builder);
  ddpm_json_add_int (builder, "steps", options->flow_steps);
  ddpm_json_add_double (builder, "bits_per_dimension", e->flow_bits);
  ddpm_json_add_double (builder, "standard_error", e->flow_standard_error_bits);
  json_builder_end_object (builder);
}

static void
add_reconstructions (JsonBuilder *builder, const DdpmEvaluateOptions *options, const DdpmEvaluation *e)
{
  json_builder_set_member_name (builder, "reconstructions");
  json_builder_begin_array (builder);
  for (guint i = 0; i < options->n_reconstructions; i++)
    {
      json_builder_begin_object (builder);
      ddpm_json_add_int (builder, "steps", options->reconstruct_steps[i]);
      ddpm_json_add_double (builder, "rms", e->reconstruction_rms[i]);
      ddpm_json_add_double (builder, "median", e->reconstruction_median[i]);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_distances (JsonBuilder *builder, const char *key, const DdpmDistances *d)
{
  json_builder_set_member_name (builder, key);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "levels");
  json_builder_begin_array (builder);
  for (guint l = 0; l < d->n_levels; l++)
    {
      json_builder_begin_object (builder);
      ddpm_json_add_int (builder, "width", d->widths[l]);
      ddpm_json_add_int (builder, "height", d->heights[l]);
      ddpm_json_add_double (builder, "sliced_wasserstein", d->sliced_wasserstein[l]);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  ddpm_json_add_double (builder, "sliced_wasserstein", d->sliced_wasserstein_mean);
  ddpm_json_add_double (builder, "precision", d->precision);
  ddpm_json_add_double (builder, "recall", d->recall);
  ddpm_json_add_double (builder, "nearest", d->nearest);
  ddpm_json_add_double (builder, "nearest_within", d->nearest_within);
  json_builder_end_object (builder);
}

static void
add_samples (JsonBuilder *builder, const DdpmEvaluateOptions *options, const DdpmEvaluation *e)
{
  json_builder_set_member_name (builder, "samples");
  json_builder_begin_object (builder);
  ddpm_json_add_int (builder, "count", options->n_samples);
  ddpm_json_add_string (builder, "sampler", ddpm_sampler_kind_get_name (e->sampler));
  ddpm_json_add_int (builder, "steps", e->sampler_steps);
  ddpm_json_add_int (builder, "reference", e->n_reference);
  add_distances (builder, "distances", &e->distances);
  if (e->has_others)
    add_distances (builder, "distances_of_other_pictures", &e->others);
  json_builder_end_object (builder);
}

void
ddpm_evaluate_report_json (const DdpmModel *model, const DdpmEvaluateOptions *options,
                           const DdpmEvaluation *e)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "model", model->name);
  json_builder_set_member_name (builder, "scheduler");
  json_builder_add_value (builder, ddpm_scheduler_config_to_json (&model->scheduler));
  ddpm_json_add_int (builder, "pictures", e->n_pictures);
  ddpm_json_add_int (builder, "labelled", e->n_labelled);
  ddpm_json_add_int (builder, "width", e->width);
  ddpm_json_add_int (builder, "height", e->height);
  ddpm_json_add_int (builder, "channels", e->n_channels);
  ddpm_json_add_int (builder, "timesteps", e->n_timesteps);
  ddpm_json_add_int (builder, "seed", options->seed);
  if (!options->skip_bound)
    add_bound (builder, e);
  if (options->flow_steps > 0)
    add_flow (builder, options, e);
  if (options->n_reconstructions > 0)
    add_reconstructions (builder, options, e);
  if (options->n_samples > 0)
    add_samples (builder, options, e);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}
