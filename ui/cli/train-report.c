/* What ddpm train tells before it takes hours. */
#include "ui/cli/train-report.h"

#include <stdio.h>

#include "ui/cli/progress.h"

#define MAX_SKIPPED_SHOWN 10
#define FEW_PICTURES 40

static void
print_pictures (const DdpmTrainPlan *plan)
{
  const DdpmDataset *dataset = plan->dataset;

  printf ("pictures     %u", dataset->n_pictures);
  if (dataset->n_resized > 0)
    printf (", %u of them scaled or cropped", dataset->n_resized);
  if (dataset->n_enlarged > 0)
    printf (", %u enlarged, which makes them blurred", dataset->n_enlarged);
  if (dataset->n_repeated > 0)
    printf (", %u the same as another one", dataset->n_repeated);
  if (plan->n_held_out > 0)
    printf (", %u held out to measure the loss on", plan->n_held_out);
  printf ("\n");
}

static void
print_skipped (const DdpmDataset *dataset)
{
  guint n_shown = MIN (dataset->n_skipped, MAX_SKIPPED_SHOWN);

  printf ("skipped      %u file%s\n", dataset->n_skipped, dataset->n_skipped == 1 ? "" : "s");
  for (guint i = 0; i < n_shown; i++)
    printf ("             %s: %s\n", dataset->skipped[i].path, dataset->skipped[i].reason);
  if (n_shown < dataset->n_skipped)
    printf ("             and %u more\n", dataset->n_skipped - n_shown);
}

/* "Bricks (85), Wood (15)", and how many pictures have none of them. */
static void
print_labels (const DdpmTrainPlan *plan)
{
  const guint n_labels = g_strv_length ((char **) plan->label_names);
  g_autofree guint *counts = g_new0 (guint, n_labels + 1);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < plan->dataset->n_pictures; i++)
    counts[plan->labels[i]]++;
  for (guint i = 0; i < n_labels; i++)
    g_string_append_printf (text, "%s%s (%u)", i > 0 ? ", " : "", plan->label_names[i], counts[i]);
  printf ("labels       %s; none: %u pictures\n", text->str, counts[n_labels]);
}

static void
print_memory (const DdpmTrainPlan *plan)
{
  g_autofree char *memory = ddpm_format_bytes ((double) plan->peak_bytes);
  g_autofree char *kept = ddpm_format_bytes ((double) plan->peak_kept_bytes);

  printf ("memory       %s at most%s", memory, plan->options->ranks != NULL ? " for each process" : "");
  if (plan->recompute)
    printf (", since values are computed again instead of being kept, which would take %s%s", kept,
            plan->options->recompute ? "" : ", more than is free");
  printf ("\n");
}

/* What to expect of few pictures, and what helps. */
static void
print_advice (const DdpmTrainPlan *plan)
{
  if (plan->dataset->n_pictures >= FEW_PICTURES || plan->options->from != NULL)
    return;
  printf ("expect       a model that repeats what it was shown: %u picture%s few; more of them, or --from a\n"
          "             model of something alike, --flip and --crop, make it vary\n",
          plan->dataset->n_pictures, plan->dataset->n_pictures == 1 ? " is" : "s are");
}

void
ddpm_train_report_plan (const DdpmTrainPlan *plan)
{
  const DdpmUnetConfig *config = plan->config;
  const DdpmTrainOptions *options = plan->options;
  g_autofree char *forward = ddpm_format_flop (plan->flop_per_picture);
  g_autofree char *step = ddpm_format_flop (3 * plan->flop_per_picture * options->batch);
  g_autoptr (GString) widths = g_string_new (NULL);

  print_pictures (plan);
  print_skipped (plan->dataset);
  if (plan->label_names != NULL)
    print_labels (plan);
  for (guint i = 0; i < config->n_levels; i++)
    g_string_append_printf (widths, "%s%u%s", i > 0 ? "," : "", config->block_out_channels[i],
                            config->down_block_types[i] == DDPM_BLOCK_ATTENTION ? " with attention" : "");
  printf ("size         %ux%u pixels, %u channel%s\n", config->sample_width, config->sample_height,
          config->in_channels, config->in_channels == 1 ? "" : "s");
  printf ("network      channels %s; %u layers a level\n", widths->str, config->layers_per_block);
  printf ("parameters   %.2f million\n", plan->n_parameters / 1e6);
  printf ("cost         %s forward a picture, about %s a step\n", forward, step);
  print_memory (plan);
  printf ("training     %" G_GUINT64_FORMAT " steps of %u pictures", options->steps, options->batch);
  if (options->accumulate > 1)
    printf (" in %u passes of %u%s", options->accumulate, options->batch / options->accumulate,
            plan->must_accumulate ? ", since there is no memory for more at once" : "");
  if (options->precision == DDPM_PRECISION_BF16)
    printf (", in bf16");
  if (options->ranks != NULL)
    printf (", shared by %u processes", options->ranks->n_ranks);
  if (plan->first_step > 0)
    printf (", going on after step %" G_GUINT64_FORMAT, plan->first_step);
  printf ("\n");
  print_advice (plan);
  fflush (stdout);
}
