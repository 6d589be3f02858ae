/* What ddpm train tells before it takes hours: what it found, what it is going to do and how long that takes,
 * and what else the pictures would allow. Lines begin with a word in a column of its own. */
#include "ui/cli/train-report.h"

#include <stdio.h>

#include "ui/cli/progress.h"
#include "ui/cli/train-args.h"

#define MAX_SKIPPED_SHOWN 10
#define MAX_SIZES_SHOWN 4
#define MAX_LABELS_SHOWN 6
#define FEW_PICTURES 40
#define WORTH_TELLING 1.5 /* times as long */

static const char *
get_plural (guint n)
{
  return n == 1 ? "" : "s";
}

/* "of 128x128 pixels", or "of 64x48 (7), 32x32 (2), 20x10 (1) and 9 more sizes". */
static void
print_sizes (const DdpmDataset *dataset)
{
  const guint n_shown = MIN (dataset->n_sizes, MAX_SIZES_SHOWN);

  if (dataset->n_sizes == 1)
    {
      printf (" of %ux%u pixels", dataset->sizes[0].width, dataset->sizes[0].height);
      return;
    }
  for (guint i = 0; i < n_shown; i++)
    printf ("%s%ux%u (%u)", i > 0 ? ", " : " of ", dataset->sizes[i].width, dataset->sizes[i].height,
            dataset->sizes[i].n_pictures);
  if (n_shown < dataset->n_sizes)
    printf (" and %u more size%s", dataset->n_sizes - n_shown, get_plural (dataset->n_sizes - n_shown));
}

static void
print_channels (const DdpmDataset *dataset)
{
  static const char *const names[] = { NULL, "grey", "grey with alpha", "RGB", "RGBA" };
  gboolean is_first = TRUE;

  for (guint c = 1; c < G_N_ELEMENTS (names); c++)
    {
      const guint n = dataset->n_of_channels[c];

      if (n == 0)
        continue;
      printf ("%s", is_first ? "; " : ", ");
      if (n < dataset->n_pictures)
        printf ("%u ", n);
      printf ("%s", names[c]);
      is_first = FALSE;
    }
}

static void
print_pictures (const DdpmTrainPlan *plan)
{
  const DdpmDataset *dataset = plan->dataset;

  printf ("pictures     %u", dataset->n_pictures);
  print_sizes (dataset);
  print_channels (dataset);
  printf ("\n");
  if (dataset->n_enlarged > 0)
    printf ("             %u too small, and enlarged, which makes them blurred\n", dataset->n_enlarged);
  if (dataset->n_repeated > 0)
    printf ("             %u the same as another one\n", dataset->n_repeated);
  if (plan->n_held_out > 0)
    printf ("             %u held out, to measure the loss on\n", plan->n_held_out);
}

static void
print_skipped (const DdpmDataset *dataset)
{
  guint n_shown = MIN (dataset->n_skipped, MAX_SKIPPED_SHOWN);

  if (dataset->n_skipped == 0)
    return;
  printf ("skipped      %u file%s\n", dataset->n_skipped, get_plural (dataset->n_skipped));
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

/* What is done to pictures at random, in one line; nothing where nothing is. */
static void
print_augmentation (const DdpmTrainPlan *plan)
{
  const DdpmTrainOptions *options = plan->options;
  g_autoptr (GPtrArray) ways = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *text = NULL;

  if (options->flip)
    g_ptr_array_add (ways, g_strdup_printf ("mirrored left to right%s",
                                            plan->flip_is_proposed ? " (with --no-flip they are not)" : ""));
  if (options->flip_vertical)
    g_ptr_array_add (ways, g_strdup ("mirrored upside down"));
  if (options->rotate)
    g_ptr_array_add (ways, g_strdup ("turned by quarters"));
  if (options->rotate_degrees > 0)
    g_ptr_array_add (ways, g_strdup_printf ("turned by up to %g degrees", options->rotate_degrees));
  if (options->scale_jitter > 0)
    g_ptr_array_add (ways, g_strdup ("scaled"));
  if (options->colour_jitter > 0)
    g_ptr_array_add (ways, g_strdup ("coloured a little otherwise"));
  if (ways->len == 0)
    return;
  g_ptr_array_add (ways, NULL);
  text = g_strjoinv (", ", (char **) ways->pdata);
  printf ("             at random %s\n", text);
}

/* What of a picture is shown to the network. */
static void
print_views (const DdpmTrainPlan *plan)
{
  const DdpmTrainOptions *options = plan->options;
  const DdpmUnetConfig *config = plan->config;

  printf ("size         %ux%u pixels, %u channel%s\n", config->sample_width, config->sample_height,
          config->in_channels, get_plural (config->in_channels));
  if (options->crop > 0)
    printf (
      "             parts at random places, of pictures scaled down to %u pixels on their shorter side\n",
      options->crop);
  if (plan->crop_is_proposed)
    printf ("             (since %s)\n",
            options->crop > MAX (config->sample_width, config->sample_height)
              ? "they are a few large photographs: with --crop 0 the middle of each as a whole"
              : "most are not square: with --crop 0 each as a whole, in the proportions that most have");
  print_augmentation (plan);
}

/* "8x8" of a network on pictures that are `width` wide, at each level with attention. */
static void
print_attention (const DdpmUnetConfig *config, guint width, guint height)
{
  gboolean is_first = TRUE;

  for (guint i = 0; i < config->n_levels; i++)
    if (config->down_block_types[i] == DDPM_BLOCK_ATTENTION)
      {
        printf ("%s%ux%u", is_first ? "" : ", ", width >> i, height >> i);
        is_first = FALSE;
      }
  if (is_first)
    printf ("%ux%u", width >> (config->n_levels - 1), height >> (config->n_levels - 1));
}

/* What becomes of the channels of the model that the run goes on from. */
static const char *
describe_channels (guint n_from, guint n)
{
  if (n_from == 1 && n > 1)
    return n == 4 ? "its grey becomes three colours, alike at first, and a channel for transparency is added"
                  : "its grey becomes three colours, alike at first";
  if (n == 1 && n_from > 1)
    return "its colours become one grey";
  return n > n_from ? "a channel for transparency is added, which it has to learn"
                    : "its channel for transparency is left out";
}

static void
print_origin (const DdpmTrainPlan *plan)
{
  const DdpmTrainOrigin *origin = plan->origin;
  const DdpmUnetConfig *config = plan->config;

  if (origin->name == NULL)
    return;
  printf ("from         %s, of %ux%u pixels and %u channel%s\n", origin->name, origin->width, origin->height,
          origin->n_channels, get_plural (origin->n_channels));
  if (origin->n_channels != config->in_channels)
    printf ("             %s\n", describe_channels (origin->n_channels, config->in_channels));
  else if (config->in_channels == 4 && plan->dataset->n_of_channels[2] + plan->dataset->n_of_channels[4] == 0)
    printf (
      "             these pictures have no transparency: --pixels rgb would leave its channel for it out\n");
  if (origin->width == 0
      || (origin->width == config->sample_width && origin->height == config->sample_height))
    return;
  printf ("             its network is used at another size");
  if (config->add_attention)
    {
      printf (": attention at ");
      print_attention (config, config->sample_width, config->sample_height);
      printf (", where it was at ");
      print_attention (config, origin->width, origin->height);
    }
  printf ("\n");
}

static void
print_network (const DdpmTrainPlan *plan)
{
  const DdpmUnetConfig *config = plan->config;
  g_autofree char *forward = ddpm_format_flop (plan->flop_per_picture);
  g_autofree char *step = ddpm_format_flop (3 * plan->flop_per_picture * plan->options->batch);
  g_autoptr (GString) widths = g_string_new (NULL);

  for (guint i = 0; i < config->n_levels; i++)
    g_string_append_printf (widths, "%s%u%s", i > 0 ? "," : "", config->block_out_channels[i],
                            config->down_block_types[i] == DDPM_BLOCK_ATTENTION ? " with attention" : "");
  printf ("network      channels %s; %u layer%s a level\n", widths->str, config->layers_per_block,
          get_plural (config->layers_per_block));
  printf ("parameters   %.2f million\n", plan->n_parameters / 1e6);
  printf ("cost         %s forward a picture, about %s a step\n", forward, step);
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

static void
print_training (const DdpmTrainPlan *plan)
{
  const DdpmTrainOptions *options = plan->options;
  g_autofree char *steps = ddpm_format_count (options->steps);
  g_autofree char *predicts = ddpm_train_args_describe_prediction (options);

  printf ("learns       to say %s; loss %s\n", predicts, ddpm_loss_names[options->loss]);
  printf ("training     %s steps of %u pictures", steps, options->batch);
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
  printf ("rate         %g after %" G_GUINT64_FORMAT " steps\n", options->lr, options->warmup_steps);
  if (plan->pictures_per_s > 0)
    printf ("speed        about %.*f pictures a second on this machine\n", plan->pictures_per_s < 10 ? 1 : 0,
            plan->pictures_per_s);
  if (plan->slowdown >= WORTH_TELLING)
    printf ("             (other programs are busy on it now: all takes %.1f times as long while they are)\n",
            plan->slowdown);
}

/* What to expect of few pictures, and what helps. */
static void
print_expectation (const DdpmTrainPlan *plan)
{
  const guint n = plan->dataset->n_pictures;

  if (n >= FEW_PICTURES)
    return;
  printf ("expect       a model that repeats what it was shown: %u picture%s few", n,
          n == 1 ? " is" : "s are");
  if (plan->options->from == NULL)
    printf ("; more of them, or --from a model\n"
            "             of something alike, make it vary");
  printf ("\n");
}

/* "Bricks, Wood, … and 9 more". */
static void
print_names (char *const *names, guint max_shown)
{
  const guint n = g_strv_length ((char **) names), n_shown = MIN (n, max_shown);

  for (guint i = 0; i < n_shown; i++)
    printf ("%s%s", i > 0 ? ", " : "", names[i]);
  if (n_shown < n)
    printf (" and %u more", n - n_shown);
}

static void
print_hints (const DdpmTrainPlan *plan)
{
  const DdpmTrainHints *hints = plan->hints;

  if (hints->labels != NULL)
    {
      printf ("hint         --labels would make it possible to ask for ");
      print_names (hints->labels, MAX_LABELS_SHOWN);
      printf ("\n");
    }
  if (hints->edges_meet)
    printf (
      "hint         --tileable would make pictures to lay side by side: the edges of most of these meet\n");
  if (hints->models != NULL && plan->dataset->n_pictures < FEW_PICTURES)
    {
      printf ("hint         models to go on from, with --from: ");
      print_names (hints->models, G_MAXUINT);
      printf ("\n");
    }
}

/* All that matters in one line. */
static void
print_summary (const DdpmTrainPlan *plan)
{
  const DdpmTrainOptions *options = plan->options;
  const guint64 n_steps = options->steps - plan->first_step;
  g_autofree char *memory = ddpm_format_bytes ((double) plan->peak_bytes);
  g_autofree char *steps = ddpm_format_count (n_steps);

  printf ("in short     %ux%u, %.2f M parameters, %s, ", plan->config->sample_width,
          plan->config->sample_height, plan->n_parameters / 1e6, memory);
  if (plan->seconds > 0)
    {
      g_autofree char *all = ddpm_format_about (plan->seconds);
      g_autofree char *first = ddpm_format_about (plan->next_samples_s);

      printf ("about %s for %s steps", all, steps);
      if (plan->next_samples > 0)
        printf ("; first picture after %s", first);
    }
  else
    printf ("%s steps", steps);
  printf ("\n");
}

void
ddpm_train_report_plan (const DdpmTrainPlan *plan)
{
  print_pictures (plan);
  print_skipped (plan->dataset);
  if (plan->label_names != NULL)
    print_labels (plan);
  print_views (plan);
  print_origin (plan);
  print_network (plan);
  print_memory (plan);
  print_training (plan);
  print_expectation (plan);
  print_hints (plan);
  print_summary (plan);
  fflush (stdout);
}
