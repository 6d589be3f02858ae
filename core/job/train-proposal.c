#include "core/job/train-proposal.h"

#include <math.h>
#include <stdlib.h>

#include "core/data/folder.h"
#include "core/data/image-probe.h"
#include "core/job/train-cost.h"
#include "core/job/train-network.h"

/* Few pictures that are photographs, by this many pixels on their shorter side, are learned in parts. */
#define PHOTOGRAPH_SIDE 1000
#define PART_OF_SIDE 4  /* the window is that part of the shorter side */
#define USUAL_WINDOW 64 /* pixels, of pictures as large as that */

/* Pictures that are not square are seen as squares when they are so large, by their shorter side. */
#define LEAST_SIDE_OF_SQUARES (2 * USUAL_WINDOW)
#define MOST_PROBED 256 /* pictures, spread over all */

/* Showings of each picture, and the least and most of all, of a model from random weights. A network that has
 * seen fewer than the least paints blots, however few the pictures are. */
#define SHOWINGS 500
#define LEAST_SHOWN 200e3
#define MOST_SHOWN 1.5e6
#define SHARE_WITH_FROM 0.4 /* a model that can paint already needs less */

#define USUAL_HOURS 3.0
#define FIRST_SAMPLES_S 240.0

#define SMALL_NETWORK 10e6 /* parameters */

static int
compare_uint (gconstpointer a, gconstpointer b)
{
  const guint x = *(const guint *) a, y = *(const guint *) b;

  return (x > y) - (x < y);
}

/* What a folder's pictures look like, by the headers of some of them. */
typedef struct
{
  guint side;          /* median of the shorter sides, in pixels; 0: nothing can be told */
  gboolean are_oblong; /* most of them */
} Shapes;

static Shapes
probe_shapes (GFile *folder, const GPtrArray *files)
{
  const guint n_probed = MIN (files->len, MOST_PROBED);
  g_autofree guint *sides = g_new (guint, n_probed + 1);
  guint n = 0, n_oblong = 0;

  for (guint i = 0; i < n_probed; i++)
    {
      const guint at = (guint) ((guint64) i * files->len / n_probed);
      g_autoptr (GFile) file = ddpm_folder_get_file (folder, g_ptr_array_index (files, at));
      DdpmImageHeader header;

      if (!ddpm_image_probe (file, &header))
        continue;
      sides[n++] = MIN (header.width, header.height);
      /* at 64 pixels the shorter side would be rounded to less */
      n_oblong +=
        32 * (guint64) MIN (header.width, header.height) < 31 * (guint64) MAX (header.width, header.height);
    }
  qsort (sides, n, sizeof *sides, compare_uint);
  return (Shapes) { n > 0 ? sides[n / 2] : 0, 2 * n_oblong > n };
}

/* Parts to see: small ones of a few photographs, which are all there is to learn from; of others that are not
 * square, squares as large as they can be, since a square is what a model is asked for and what networks are
 * made for. */
static void
propose_parts (DdpmTrainSetup *setup, const Shapes *shapes, gboolean few, guint window)
{
  DdpmTrainOptions *options = &setup->options;
  const guint crop = PART_OF_SIDE * (window > 0 ? window : USUAL_WINDOW);
  const gboolean can_be_usual = USUAL_WINDOW % ddpm_train_network_get_multiple (options) == 0;

  options->crop = 0;
  if (few && shapes->side >= MAX (PHOTOGRAPH_SIDE, crop))
    options->crop = crop;
  else if (window == 0 && can_be_usual && !options->tileable && shapes->are_oblong
           && shapes->side >= LEAST_SIDE_OF_SQUARES)
    options->crop = USUAL_WINDOW;
  setup->crop_is_proposed = options->crop > 0;
  /* the proportions of a whole say nothing of its parts */
  if (setup->crop_is_proposed && window == 0 && can_be_usual)
    options->width = options->height = USUAL_WINDOW;
}

gboolean
ddpm_train_propose_views (DdpmTrainSetup *setup, guint window, const DdpmTrainReading *reading,
                          GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) skipped = ddpm_skipped_new ();
  gboolean few;

  if (!ddpm_folder_list (options->pictures, files, skipped, reading->cancellable, error))
    return FALSE;
  few = files->len < DDPM_TRAIN_FEW_PICTURES;
  if (options->flip == DDPM_TRAIN_OPEN_SWITCH)
    options->flip = setup->flip_is_proposed = few;
  if (options->crop == DDPM_TRAIN_OPEN)
    {
      const Shapes shapes = probe_shapes (options->pictures, files);

      propose_parts (setup, &shapes, few, window);
    }
  return TRUE;
}

/* Smaller batches of larger pictures: a step costs about the same everywhere, and there are enough of them.
 */
static guint
choose_batch (const DdpmDataset *dataset)
{
  const guint side = MAX (dataset->width, dataset->height);

  return side <= 32 ? 32 : side <= 64 ? 16 : side <= 128 ? 8 : 4;
}

void
ddpm_train_propose_batch (DdpmTrainSetup *setup)
{
  DdpmTrainOptions *options = &setup->options;

  if (options->batch == DDPM_TRAIN_OPEN)
    options->batch = choose_batch (setup->dataset);
  if (options->lr == DDPM_TRAIN_OPEN_REAL)
    {
      options->lr = (double) ddpm_unet_get_n_weights (setup->unet) < SMALL_NETWORK ? 3e-4 : 2e-4;
      if (options->from != NULL)
        options->lr /= 2;
    }
}

/* Pictures to show in all. Parts of pictures count as pictures as far as they do not overlap. */
static double
choose_shown (const DdpmTrainSetup *setup)
{
  const DdpmTrainOptions *options = &setup->options;
  double n_pictures = setup->n_training, shown;

  if (options->crop > 0)
    {
      const double parts = (double) options->crop / MAX (setup->dataset->width, setup->dataset->height);

      n_pictures *= MAX (parts * parts, 1);
    }
  shown = CLAMP (SHOWINGS * n_pictures, LEAST_SHOWN, MOST_SHOWN);
  return options->from != NULL ? SHARE_WITH_FROM * shown : shown;
}

/* Two digits that say something, of a number from 1 on. */
static double
round_down (double value)
{
  const double unit = pow (10, MAX (floor (log10 (value)) - 1, 0));

  return floor (value / unit) * unit;
}

/* 1, 2 or 5, and zeros. */
static guint64
round_to_plain (double value)
{
  const double unit = pow (10, floor (log10 (value)));

  return (guint64) ((value >= 5 * unit ? 5 : value >= 2 * unit ? 2 : 1) * unit);
}

static guint64
choose_steps (const DdpmTrainSetup *setup)
{
  const DdpmTrainOptions *options = &setup->options;
  const gboolean is_timed = options->hours != DDPM_TRAIN_OPEN_REAL;
  const double seconds = 3600 * (is_timed ? options->hours : USUAL_HOURS);
  double shown = is_timed ? G_MAXDOUBLE : choose_shown (setup);

  if (setup->pictures_per_s > 0)
    shown = MIN (shown, (double) ddpm_train_predict_steps (setup, seconds) * options->batch);
  return (guint64) CLAMP (round_down (MAX (shown / options->batch, 1)), 1, 1e9);
}

void
ddpm_train_propose_length (DdpmTrainSetup *setup)
{
  DdpmTrainOptions *options = &setup->options;
  const gboolean samples_are_open = options->sample_every == DDPM_TRAIN_OPEN_COUNT;

  if (samples_are_open)
    options->sample_every =
      round_to_plain (CLAMP (FIRST_SAMPLES_S * setup->pictures_per_s / options->batch, 10, 1e6));
  if (options->steps == DDPM_TRAIN_OPEN_COUNT)
    options->steps = choose_steps (setup);
  if (samples_are_open)
    options->sample_every = MIN (options->sample_every, MAX (options->steps, 1));
}
