/* In two rounds: all views of all pictures, averaged down to 8x8, against the sample; then the best pictures
 * at 32x32, each moved around until it fits best. Both sizes are less where pictures are smaller. */
#include "core/job/train-nearest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/neighbours.h"

#define COARSE_SIDE 8
#define FINE_SIDE 32
#define MOST_UNREAD_PICTURES 512 /* of a folder so large that it is decoded while it is trained on */
#define MOST_VIEWS 32768
#define PLACES_A_SIDE 6 /* a picture is looked at every so many parts of the window's side … */
#define MOST_PLACES 8   /* … but at no more places along one side */
#define N_CANDIDATES 24 /* for the second round … */
#define N_STARTS 6      /* … from so many of their views */
#define MOST_MOVES 4    /* around, of each length */
#define N_NEXT 10       /* pictures that the nearest one is compared with */
#define MOST_TRANSFORMS 8
#define MOST_HELD_OUT 48

/* Where in a picture the window is. */
typedef struct
{
  guint picture; /* place in `pictures` */
  guint x, y;    /* pixels */
} Place;

struct _DdpmTrainNearest
{
  const DdpmTrainSetup *setup; /* borrowed */
  guint32 *pictures;           /* [n_pictures] of the dataset */
  guint n_pictures;
  Place *places; /* [n_places], those of a picture side by side */
  guint n_places;
  guint *first; /* [n_pictures + 1], first of a picture's places */
  float *table; /* [n_places][n_channels][coarse height][coarse width] */
  DdpmView transforms[MOST_TRANSFORMS];
  guint n_transforms;
};

/* out[n_channels][out_height][out_width]: means of the parts of in[n_channels][height][width]. */
static void
shrink (const DdpmDataset *dataset, const float *in, guint out_height, guint out_width, float *out)
{
  const guint height = dataset->height, width = dataset->width;

  for (guint c = 0; c < dataset->n_channels; c++, in += (gsize) height * width)
    for (guint row = 0; row < out_height; row++)
      for (guint column = 0; column < out_width; column++)
        {
          const guint y0 = row * height / out_height, y1 = (row + 1) * height / out_height;
          const guint x0 = column * width / out_width, x1 = (column + 1) * width / out_width;
          double sum = 0;

          for (guint y = y0; y < y1; y++)
            for (guint x = x0; x < x1; x++)
              sum += in[(gsize) y * width + x];
          *out++ = (float) (sum / ((double) (y1 - y0) * (x1 - x0)));
        }
}

static void
shrink_coarse (const DdpmDataset *dataset, const float *in, float *out)
{
  shrink (dataset, in, MIN (COARSE_SIDE, dataset->height), MIN (COARSE_SIDE, dataset->width), out);
}

static void
shrink_fine (const DdpmDataset *dataset, const float *in, float *out)
{
  shrink (dataset, in, MIN (FINE_SIDE, dataset->height), MIN (FINE_SIDE, dataset->width), out);
}

static gsize
get_n_coarse (const DdpmDataset *dataset)
{
  return (gsize) dataset->n_channels * MIN (COARSE_SIDE, dataset->height) * MIN (COARSE_SIDE, dataset->width);
}

static gsize
get_n_fine (const DdpmDataset *dataset)
{
  return (gsize) dataset->n_channels * MIN (FINE_SIDE, dataset->height) * MIN (FINE_SIDE, dataset->width);
}

/* The flips and turns that training shows, each with every other one. */
static void
choose_transforms (DdpmTrainNearest *nearest)
{
  const DdpmTrainOptions *options = &nearest->setup->options;
  const guint n_turns = options->rotate ? 4 : 1;

  /* upside down is left to right, turned twice */
  for (gboolean flip = FALSE; flip <= (options->flip || (options->rotate && options->flip_vertical)); flip++)
    for (gboolean vertical = FALSE; vertical <= (options->flip_vertical && !options->rotate); vertical++)
      for (guint turns = 0; turns < n_turns; turns++)
        nearest->transforms[nearest->n_transforms++] =
          (DdpmView) { .flip = flip, .flip_vertical = vertical, .quarter_turns = turns };
}

/* Places along one side: how many of the window's first pixels are looked at, evenly from 0 on. */
static guint
count_places (const DdpmDataset *dataset, guint side, guint window)
{
  const guint n_shifts = dataset->wraps ? side : side - window + 1;
  const guint step = MAX (window / PLACES_A_SIDE, 1);

  return MIN ((n_shifts + step - 1) / step, MOST_PLACES);
}

/* Pixels between two of them. */
static guint
get_spacing (const DdpmDataset *dataset, guint side, guint window)
{
  const guint n = count_places (dataset, side, window);

  return (side + n - 1) / n;
}

static guint
get_place (const DdpmDataset *dataset, guint side, guint window, guint n, guint i)
{
  /* the last shift of a picture that does not wrap is a place, the one after the last of one that does would
   * be the first again */
  if (dataset->wraps)
    return (guint) ((guint64) i * side / n);
  return n > 1 ? (guint) ((guint64) i * (side - window) / (n - 1)) : (side - window) / 2;
}

/* Takes pictures until there are enough, each with all its places. */
static void
choose_places (DdpmTrainNearest *nearest)
{
  const DdpmTrainSetup *setup = nearest->setup;
  const DdpmDataset *dataset = setup->dataset;
  const guint most = dataset->is_checked ? setup->n_training : MIN (setup->n_training, MOST_UNREAD_PICTURES);
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  const DdpmDatasetPicture *first = &dataset->pictures[setup->training[0]];
  const guint usual = count_places (dataset, first->width, dataset->width)
                      * count_places (dataset, first->height, dataset->height);
  const guint n = CLAMP (MOST_VIEWS / usual, 1, most);

  nearest->pictures = g_new (guint32, n);
  nearest->first = g_new (guint, n + 1);
  for (guint i = 0; i < n && places->len < MOST_VIEWS; i++)
    {
      const guint32 number = setup->training[(guint64) i * setup->n_training / n];
      const DdpmDatasetPicture *picture = &dataset->pictures[number];
      const guint n_x = count_places (dataset, picture->width, dataset->width);
      const guint n_y = count_places (dataset, picture->height, dataset->height);

      nearest->first[nearest->n_pictures] = places->len;
      nearest->pictures[nearest->n_pictures++] = number;
      for (guint j = 0; j < n_x * n_y; j++)
        {
          const Place place = { i, get_place (dataset, picture->width, dataset->width, n_x, j % n_x),
                                get_place (dataset, picture->height, dataset->height, n_y, j / n_x) };

          g_array_append_val (places, place);
        }
    }
  nearest->first[nearest->n_pictures] = nearest->n_places = places->len;
  nearest->places = (Place *) g_array_free (g_steal_pointer (&places), FALSE);
}

static void
fill_picture (guint task, guint worker, gpointer data)
{
  DdpmTrainNearest *nearest = data;
  const DdpmDataset *dataset = nearest->setup->dataset;
  const gsize n = get_n_coarse (dataset);
  g_autofree float *tensor = g_new (float, (gsize) dataset->n_channels * dataset->height * dataset->width);
  DdpmHeldPicture held;
  const gboolean is_held = ddpm_dataset_hold (dataset, &nearest->pictures[task], 1, 0, &held);

  for (guint i = nearest->first[task]; i < nearest->first[task + 1]; i++)
    {
      const DdpmView view = { .x = nearest->places[i].x, .y = nearest->places[i].y };

      if (is_held)
        {
          ddpm_dataset_show (dataset, &held, &view, tensor);
          shrink_coarse (dataset, tensor, nearest->table + i * n);
        }
      else
        for (gsize j = 0; j < n; j++)
          nearest->table[i * n + j] = INFINITY; /* nothing is like it */
    }
  if (is_held)
    ddpm_dataset_release (dataset, &held);
}

DdpmTrainNearest *
ddpm_train_nearest_new (const DdpmTrainSetup *setup, DdpmTeam *team)
{
  DdpmTrainNearest *nearest = g_new0 (DdpmTrainNearest, 1);

  nearest->setup = setup;
  choose_transforms (nearest);
  choose_places (nearest);
  nearest->table = g_new (float, nearest->n_places *get_n_coarse (setup->dataset));
  ddpm_team_run (team, nearest->n_pictures, fill_picture, nearest);
  return nearest;
}

void
ddpm_train_nearest_free (DdpmTrainNearest *nearest)
{
  if (nearest == NULL)
    return;
  g_free (nearest->pictures);
  g_free (nearest->places);
  g_free (nearest->first);
  g_free (nearest->table);
  g_free (nearest);
}

guint
ddpm_train_nearest_get_n_pictures (const DdpmTrainNearest *nearest)
{
  return nearest->n_pictures;
}

gsize
ddpm_train_nearest_predict_bytes (const DdpmTrainSetup *setup)
{
  const gboolean is_seen_in_parts = setup->dataset->wraps || setup->options.crop > 0;
  const gsize most_places = is_seen_in_parts ? MOST_PLACES * MOST_PLACES : 1;
  const gsize n_views = MIN (setup->n_training * most_places, MOST_VIEWS + most_places);

  return n_views * (sizeof (Place) + get_n_coarse (setup->dataset) * sizeof (float));
}

/* How a picture has to look before the transform (core/data/dataset.h) so that it looks like `in` after it;
 * [n_channels][coarse height][coarse width] each. */
static void
undo_transform (const DdpmDataset *dataset, const DdpmView *transform, const float *in, float *out)
{
  const guint height = MIN (COARSE_SIDE, dataset->height), width = MIN (COARSE_SIDE, dataset->width);
  const gboolean half = transform->quarter_turns >= 2, quarter = transform->quarter_turns % 2 == 1;

  for (guint c = 0; c < dataset->n_channels; c++, out += (gsize) height * width)
    for (guint y = 0; y < height; y++)
      for (guint x = 0; x < width; x++)
        {
          const guint across = quarter ? y : x, down = quarter ? width - 1 - x : y;
          const guint column = half != transform->flip ? width - 1 - across : across;
          const guint row = half != transform->flip_vertical ? height - 1 - down : down;

          out[row * width + column] = *in++;
        }
}

/* How near a picture of the table comes to the one that is looked for. */
typedef struct
{
  double distance;
  guint32 picture; /* of the dataset */
  DdpmView view;
  guint place; /* of the picture, in the table */
  guint order; /* among its views */
} Candidate;

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *x = a, *y = b;

  if (x->distance != y->distance)
    return x->distance < y->distance ? -1 : 1;
  if (x->picture != y->picture)
    return x->picture < y->picture ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

/* undone[n_transforms]: what is looked for, each transform undone, coarse. candidates[n_pictures]: how near
 * the best view of each comes. */
static void
look_coarsely (const DdpmTrainNearest *nearest, const float *undone, Candidate *candidates)
{
  const gsize n = get_n_coarse (nearest->setup->dataset);

  for (guint i = 0; i < nearest->n_pictures; i++)
    {
      candidates[i] = (Candidate) { .distance = INFINITY, .picture = nearest->pictures[i], .place = i };
      for (guint at = nearest->first[i]; at < nearest->first[i + 1]; at++)
        for (guint t = 0; t < nearest->n_transforms; t++)
          candidates[i].distance =
            MIN (candidates[i].distance, ddpm_rms_distance (nearest->table + at * n, undone + t * n, n));
    }
}

/* A picture that is moved around. */
typedef struct
{
  const DdpmDataset *dataset;
  const float *wanted; /* fine */
  float *tensor, *fine;
} Search;

static double
measure (const Search *search, guint32 picture, const DdpmView *view)
{
  if (!ddpm_dataset_get (search->dataset, picture, view, search->tensor))
    return INFINITY;
  shrink_fine (search->dataset, search->tensor, search->fine);
  return ddpm_rms_distance (search->fine, search->wanted, get_n_fine (search->dataset));
}

/* `at` moved by `step` pixels; FALSE: a picture of this side cannot be. */
static gboolean
move (const DdpmDataset *dataset, guint side, guint window, int step, guint *at)
{
  const gint64 moved = (gint64) *at + step;

  if (!dataset->wraps && (moved < 0 || moved > (gint64) side - window))
    return FALSE;
  *at = (guint) ((moved + side) % side);
  return TRUE;
}

/* Moves the view by `step` pixels to each side in turn, if it fits better there. Whether it was moved. */
static gboolean
move_view (const Search *search, Candidate *candidate, int step)
{
  static const int ways[][2] = { { 1, 0 }, { -1, 0 },  { 0, 1 },  { 0, -1 },
                                 { 1, 1 }, { -1, -1 }, { 1, -1 }, { -1, 1 } };
  const DdpmDataset *dataset = search->dataset;
  const DdpmDatasetPicture *picture = &dataset->pictures[candidate->picture];
  gboolean is_moved = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      DdpmView view = candidate->view;
      double distance;

      if (!move (dataset, picture->width, dataset->width, step * ways[i][0], &view.x)
          || !move (dataset, picture->height, dataset->height, step * ways[i][1], &view.y))
        continue;
      distance = measure (search, candidate->picture, &view);
      if (distance >= candidate->distance)
        continue;
      candidate->distance = distance;
      candidate->view = view;
      is_moved = TRUE;
    }
  return is_moved;
}

/* Moves the view to where it fits best, by less and less. */
static void
look_finely (const Search *search, Candidate *candidate)
{
  const DdpmDataset *dataset = search->dataset;
  const DdpmDatasetPicture *picture = &dataset->pictures[candidate->picture];
  const guint first_step = MAX (get_spacing (dataset, picture->width, dataset->width),
                                get_spacing (dataset, picture->height, dataset->height));

  candidate->distance = measure (search, candidate->picture, &candidate->view);
  for (int step = (int) first_step; step > 0; step /= 2)
    for (guint i = 0; i < MOST_MOVES && move_view (search, candidate, step); i++)
      ;
}

/* The candidate, known by its coarse distance, becomes the best view of its picture by the fine one: those
 * that looked best are moved to where they fit. */
static void
look_at_picture (const DdpmTrainNearest *nearest, const Search *search, const float *undone,
                 Candidate *candidate)
{
  const gsize n = get_n_coarse (search->dataset);
  const guint first = nearest->first[candidate->place];
  const guint n_places = nearest->first[candidate->place + 1] - first;
  const guint n_views = n_places * nearest->n_transforms;
  g_autofree Candidate *views = g_new (Candidate, n_views);

  for (guint i = 0; i < n_views; i++)
    {
      const guint t = i / n_places, at = first + i % n_places;

      views[i] = (Candidate) { ddpm_rms_distance (nearest->table + at * n, undone + t * n, n),
                               candidate->picture, nearest->transforms[t], candidate->place, i };
      views[i].view.x = nearest->places[at].x;
      views[i].view.y = nearest->places[at].y;
    }
  qsort (views, n_views, sizeof *views, compare_candidates);
  candidate->distance = INFINITY;
  for (guint i = 0; i < MIN (n_views, N_STARTS); i++)
    {
      look_finely (search, &views[i]);
      if (views[i].distance < candidate->distance)
        *candidate = views[i];
    }
}

/* Pictures that cannot be read are infinitely far. */
static double
get_ratio (const Candidate *candidates, guint n)
{
  guint n_next = 0;
  double sum = 0;

  for (guint i = 1; i < n && n_next < N_NEXT && isfinite (candidates[i].distance); i++, n_next++)
    sum += candidates[i].distance;
  if (n_next == 0)
    return NAN;
  return sum > 0 ? candidates[0].distance * n_next / sum : 0;
}

typedef struct
{
  const DdpmTrainNearest *nearest;
  const float *tensors;
  DdpmTrainMatch *matches;
} Query;

static void
find_match (guint task, guint worker, gpointer data)
{
  const Query *query = data;
  const DdpmTrainNearest *nearest = query->nearest;
  const DdpmDataset *dataset = nearest->setup->dataset;
  const gsize n_values = (gsize) dataset->n_channels * dataset->height * dataset->width;
  const float *tensor = query->tensors + task * n_values;
  const guint n = MIN (nearest->n_pictures, N_CANDIDATES);
  const gsize n_coarse = get_n_coarse (dataset);
  g_autofree float *coarse = g_new (float, n_coarse),
                   *undone = g_new (float, nearest->n_transforms *n_coarse);
  g_autofree Candidate *candidates = g_new (Candidate, nearest->n_pictures);
  g_autofree float *memory = g_new (float, n_values + 2 * get_n_fine (dataset));
  const Search search = { dataset, memory + n_values, memory, memory + n_values + get_n_fine (dataset) };

  shrink_coarse (dataset, tensor, coarse);
  for (guint t = 0; t < nearest->n_transforms; t++)
    undo_transform (dataset, &nearest->transforms[t], coarse, undone + t * n_coarse);
  look_coarsely (nearest, undone, candidates);
  qsort (candidates, nearest->n_pictures, sizeof *candidates, compare_candidates);
  shrink_fine (dataset, tensor, memory + n_values);
  for (guint i = 0; i < n; i++)
    look_at_picture (nearest, &search, undone, &candidates[i]);
  qsort (candidates, n, sizeof *candidates, compare_candidates);
  query->matches[task] = (DdpmTrainMatch) { candidates[0].picture, candidates[0].view, candidates[0].distance,
                                            get_ratio (candidates, n) };
}

void
ddpm_train_nearest_find (const DdpmTrainNearest *nearest, DdpmTeam *team, const float *tensors, guint n,
                         DdpmTrainMatch *matches)
{
  Query query = { nearest, tensors, matches };

  ddpm_team_run (team, n, find_match, &query);
}

DdpmTrainScore
ddpm_train_matches_score (const DdpmTrainMatch *matches, guint n)
{
  DdpmTrainScore score = { 0, 0 };

  for (guint i = 0; i < n; i++)
    {
      score.ratio += matches[i].ratio;
      score.copies += matches[i].ratio < DDPM_TRAIN_COPY_RATIO;
    }
  score.ratio /= n; /* NaN of none */
  score.copies /= n;
  return score;
}

DdpmTrainScore
ddpm_train_nearest_score_held_out (const DdpmTrainNearest *nearest, DdpmTeam *team)
{
  const DdpmTrainSetup *setup = nearest->setup;
  const DdpmDataset *dataset = setup->dataset;
  const guint n = MIN (setup->n_held_out, MOST_HELD_OUT);
  const gsize n_values = (gsize) dataset->n_channels * dataset->height * dataset->width;
  g_autofree float *tensors = g_new (float, n *n_values);
  g_autofree DdpmTrainMatch *matches = g_new (DdpmTrainMatch, n);
  guint n_read = 0;

  for (guint i = 0; i < n; i++)
    {
      const guint32 number = setup->held_out[(guint64) i * setup->n_held_out / n];
      const DdpmDatasetPicture *picture = &dataset->pictures[number];
      const DdpmView view = { .x = dataset->wraps ? 0 : (picture->width - dataset->width) / 2,
                              .y = dataset->wraps ? 0 : (picture->height - dataset->height) / 2 };

      n_read += ddpm_dataset_get (dataset, number, &view, tensors + n_read * n_values);
    }
  ddpm_train_nearest_find (nearest, team, tensors, n_read, matches);
  return ddpm_train_matches_score (matches, n_read);
}
