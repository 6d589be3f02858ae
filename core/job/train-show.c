#include "core/job/train-show.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/job/train-sample.h"

#define PAIR_GAP_PIXELS 1
#define PAIRS_GAP_PIXELS 8
#define PAIR_COLUMNS 4
#define MOST_PAIRS 16

void
ddpm_train_show_init (DdpmTrainShow *show, const DdpmTrainSetup *setup, DdpmTeam *team)
{
  *show = (DdpmTrainShow) { .setup = setup, .team = team, .held_out = { NAN, 0 } };
}

void
ddpm_train_show_clear (DdpmTrainShow *show)
{
  g_clear_pointer (&show->nearest, ddpm_train_nearest_free);
}

GFile *
ddpm_train_show_get_file (const DdpmTrainSetup *setup, const char *kind, guint64 step)
{
  g_autofree char *path = g_strdup_printf ("samples/%s-%" G_GUINT64_FORMAT ".png", kind, step);

  return g_file_resolve_relative_path (setup->options.output, path);
}

static gboolean
make_folder (const DdpmTrainSetup *setup, GError **error)
{
  g_autoptr (GFile) folder = g_file_get_child (setup->options.output, "samples");
  g_autoptr (GError) local = NULL;

  if (g_file_make_directory_with_parents (folder, NULL, &local)
      || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s cannot be made: %s", g_file_peek_path (folder),
               local->message);
  return FALSE;
}

/* A sample, its place, and what it is like. */
typedef struct
{
  const DdpmImage *sample;
  DdpmTrainMatch match;
  guint place;
} Pair;

/* The likest first. */
static int
compare_pairs (gconstpointer a, gconstpointer b)
{
  const Pair *x = a, *y = b;

  if (x->match.ratio != y->match.ratio && !isnan (x->match.ratio))
    return x->match.ratio < y->match.ratio ? -1 : 1;
  return x->place < y->place ? -1 : 1;
}

static DdpmImage *
get_view (const DdpmDataset *dataset, const DdpmTrainMatch *match)
{
  g_autofree float *tensor = g_new0 (float, (gsize) dataset->n_channels * dataset->height * dataset->width);

  ddpm_dataset_get (dataset, match->picture, &match->view, tensor); /* grey if it is gone meanwhile */
  return ddpm_image_from_tensor (tensor, dataset->n_channels, dataset->height, dataset->width,
                                 dataset->premultiplied);
}

static DdpmImage *
draw_pairs (const DdpmTrainSetup *setup, const Pair *pairs, guint n)
{
  g_autoptr (GPtrArray) images = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (DdpmImage) view = get_view (setup->dataset, &pairs[i].match);
      DdpmImage *const pair[] = { (DdpmImage *) pairs[i].sample, view };

      g_ptr_array_add (images, ddpm_image_grid (pair, 2, 2, PAIR_GAP_PIXELS));
    }
  return ddpm_image_grid ((DdpmImage *const *) images->pdata, n, MIN (n, PAIR_COLUMNS), PAIRS_GAP_PIXELS);
}

/* Finds what is nearest to each sample. The pairs' pictures are borrowed from samples. */
static Pair *
find_pairs (DdpmTrainShow *show, const DdpmTrainSamples *samples, DdpmTrainScore *score)
{
  const DdpmDataset *dataset = show->setup->dataset;
  const guint n = samples->rows * samples->columns;
  const gsize n_values = (gsize) dataset->n_channels * dataset->height * dataset->width;
  g_autofree float *tensors = g_new (float, n *n_values);
  g_autofree DdpmTrainMatch *matches = g_new (DdpmTrainMatch, n);
  Pair *pairs = g_new (Pair, n);

  if (show->nearest == NULL)
    {
      show->nearest = ddpm_train_nearest_new (show->setup, show->team);
      show->held_out = ddpm_train_nearest_score_held_out (show->nearest, show->team);
    }
  for (guint i = 0; i < n; i++)
    ddpm_image_to_tensor (samples->average[i], dataset->premultiplied, tensors + i * n_values);
  ddpm_train_nearest_find (show->nearest, show->team, tensors, n, matches);
  *score = ddpm_train_matches_score (matches, n);
  for (guint i = 0; i < n; i++)
    pairs[i] = (Pair) { samples->average[i], matches[i], i };
  qsort (pairs, n, sizeof *pairs, compare_pairs);
  return pairs;
}

/* "samples written: …; nearest training pictures at 0.91 of the distance to the next ones (held out pictures:
 * 0.93), 1 of 36 a copy". */
static char *
describe (const DdpmTrainShow *show, GFile *file, const DdpmTrainScore *score, guint n)
{
  g_autofree char *name = g_file_get_parse_name (file);
  GString *text = g_string_new (NULL);

  g_string_printf (text, "samples written: %s", name);
  if (!isnan (score->ratio))
    {
      const guint n_compared = ddpm_train_nearest_get_n_pictures (show->nearest);

      g_string_append (text, "; the nearest ");
      if (n_compared < show->setup->n_training)
        g_string_append_printf (text, "of %u training pictures that were compared", n_compared);
      else
        g_string_append (text, "training picture");
      g_string_append_printf (text, " is %.2f as far as the next ones", score->ratio);
      if (!isnan (show->held_out.ratio))
        g_string_append_printf (text, " (held out pictures: %.2f)", show->held_out.ratio);
      g_string_append_printf (text, ", copies: %.0f of %u", score->copies * n, n);
    }
  return g_string_free (text, FALSE);
}

gboolean
ddpm_train_show_make (DdpmTrainShow *show, const DdpmTrainSlabs *slabs, guint64 step, DdpmProgressFunc func,
                      gpointer user_data, GCancellable *cancellable, DdpmTrainScore *score, char **message,
                      GError **error)
{
  const DdpmTrainSetup *setup = show->setup;
  g_autoptr (DdpmTrainSamples) samples = NULL;
  g_autoptr (DdpmImage) grid = NULL, nearest = NULL;
  g_autoptr (GFile) grid_file = ddpm_train_show_get_file (setup, "step", step);
  g_autoptr (GFile) nearest_file = ddpm_train_show_get_file (setup, "nearest", step);
  g_autofree Pair *pairs = NULL;
  guint n;

  if (!make_folder (setup, error))
    return FALSE;
  samples = ddpm_train_samples_new (setup, slabs->ema, slabs->weights, func, user_data, cancellable, error);
  if (samples == NULL)
    return FALSE;
  n = samples->rows * samples->columns;
  grid = ddpm_train_samples_get_grid (samples);
  pairs = find_pairs (show, samples, score);
  nearest = draw_pairs (setup, pairs, MIN (n, MOST_PAIRS));
  if (!ddpm_image_save_png (grid, grid_file, NULL, error)
      || !ddpm_image_save_png (nearest, nearest_file, NULL, error))
    return FALSE;
  *message = describe (show, grid_file, score, n);
  return TRUE;
}
