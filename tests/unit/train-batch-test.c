#include "core/job/train-batch.h"

#include <math.h>
#include <string.h>

#include "tests/unit/dataset-common.h"

#define N_PICTURES 10
#define SIDE 4

static const guint32 everything[N_PICTURES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

typedef struct
{
  DdpmTeam *team;
  DdpmDataset *dataset;
  DdpmSchedule *schedule;
  DdpmTrainBatch batch;
} Fixture;

/* Pictures one can tell: every value of picture i is in 20 i … 20 i + SIDE - 1, and grows from left to right.
 */
static guint8
get_value (guint picture, guint place)
{
  return 20 * picture + place % SIDE;
}

static void
set_up (Fixture *f, guint size, DdpmPrediction prediction, gboolean flip)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;

  memset (f, 0, sizeof *f);
  ddpm_scheduler_config_init (&config);
  f->team = ddpm_team_new (2);
  f->dataset = dataset_new_filled (N_PICTURES, 3, SIDE, SIDE, get_value);
  f->schedule = ddpm_schedule_new (&config, &error);
  g_assert_no_error (error);
  f->batch = (DdpmTrainBatch) {
    .team = f->team,
    .dataset = f->dataset,
    .members = everything,
    .n_members = N_PICTURES,
    .objective = { .schedule = f->schedule, .prediction = prediction },
    .seed = 3,
    .augment = { .flip = flip },
    .size = size,
  };
  g_assert_true (ddpm_train_batch_init (&f->batch, &error));
}

static void
tear_down (Fixture *f)
{
  ddpm_train_batch_clear (&f->batch);
  ddpm_schedule_free (f->schedule);
  ddpm_dataset_free (f->dataset);
  ddpm_team_free (f->team);
}

/* Every picture comes once an epoch, in another order each time, whether or not batches and epochs end
 * together. */
static void
test_epochs (void)
{
  static const guint batch_sizes[] = { 1, 5, 7, 25 };

  for (guint b = 0; b < G_N_ELEMENTS (batch_sizes); b++)
    {
      const guint n_steps = 70 / batch_sizes[b] + 1;
      g_autofree guint *drawn = g_new (guint, n_steps * batch_sizes[b]);
      Fixture f;

      set_up (&f, batch_sizes[b], DDPM_PREDICT_EPSILON, FALSE);
      for (guint step = 0; step < n_steps; step++)
        {
          ddpm_train_batch_prepare (&f.batch, step + 1);
          for (guint i = 0; i < batch_sizes[b]; i++)
            drawn[step * batch_sizes[b] + i] = f.batch.pictures[i];
        }
      for (guint epoch = 0; epoch < 7; epoch++)
        {
          guint seen = 0;

          for (guint i = 0; i < N_PICTURES; i++)
            seen |= 1u << drawn[epoch * N_PICTURES + i];
          g_assert_cmpuint (seen, ==, (1u << N_PICTURES) - 1);
        }
      g_assert_cmpint (memcmp (drawn, drawn + N_PICTURES, N_PICTURES * sizeof *drawn), !=, 0);
      tear_down (&f);
    }
}

/* The others never come. */
static void
test_members (void)
{
  static const guint32 members[] = { 7, 2, 5 };
  guint seen = 0;
  Fixture f;

  set_up (&f, 9, DDPM_PREDICT_EPSILON, FALSE);
  f.batch.members = members;
  f.batch.n_members = G_N_ELEMENTS (members);
  ddpm_train_batch_prepare (&f.batch, 4);
  for (guint i = 0; i < 9; i++)
    seen |= 1u << f.batch.pictures[i];
  g_assert_cmphex (seen, ==, 1u << 7 | 1u << 2 | 1u << 5);
  tear_down (&f);
}

/* A step's batch does not depend on those before it, nor on the number of threads. */
static void
test_any_step (void)
{
  Fixture f, g;
  gsize n_bytes;

  set_up (&f, 7, DDPM_PREDICT_EPSILON, TRUE);
  set_up (&g, 7, DDPM_PREDICT_EPSILON, TRUE);
  g_autoptr (DdpmTeam) single = ddpm_team_new (1);
  g.batch.team = single;
  for (guint step = 1; step <= 9; step++)
    ddpm_train_batch_prepare (&f.batch, step);
  ddpm_train_batch_prepare (&g.batch, 9);
  n_bytes = 7 * f.batch.views.n_picture * sizeof (float);
  g_assert_cmpmem (f.batch.views.x_t, n_bytes, g.batch.views.x_t, n_bytes);
  g_assert_cmpmem (f.batch.views.target, n_bytes, g.batch.views.target, n_bytes);
  g_assert_cmpmem (f.batch.views.timesteps, 7 * sizeof (float), g.batch.views.timesteps, 7 * sizeof (float));
  ddpm_train_batch_prepare (&g.batch, 10);
  g_assert_cmpint (memcmp (f.batch.views.target, g.batch.views.target, n_bytes), !=, 0);
  tear_down (&f);
  tear_down (&g);
}

/* The parts of a step's batch are what the whole is. */
static void
test_parts (void)
{
  static const guint sizes[] = { 3, 1, 3 };
  static const guint32 labels[N_PICTURES] = { 0, 1, 2, 3, 0, 1, 2, 3, 0, 1 };
  double loss = 0;
  Fixture whole;

  set_up (&whole, 7, DDPM_PREDICT_EPSILON, TRUE);
  for (guint i = 0, first = 0; i < G_N_ELEMENTS (sizes); first += sizes[i++])
    {
      const gsize n = whole.batch.views.n_picture, n_bytes = sizes[i] * n * sizeof (float);
      Fixture f;

      set_up (&f, sizes[i], DDPM_PREDICT_EPSILON, TRUE);
      f.batch.first = first;
      f.batch.whole = 7;
      whole.batch.picture_labels = f.batch.picture_labels = labels;
      whole.batch.num_class_embeds = f.batch.num_class_embeds = 5;
      whole.batch.label_dropout = f.batch.label_dropout = 0.5;
      g_clear_pointer (&whole.batch.labels, g_free);
      whole.batch.labels = g_new (guint32, 7);
      f.batch.labels = g_new (guint32, sizes[i]);
      ddpm_train_batch_prepare (&whole.batch, 5);
      ddpm_train_batch_prepare (&f.batch, 5);
      g_assert_cmpmem (f.batch.views.x_t, n_bytes, whole.batch.views.x_t + first * n, n_bytes);
      g_assert_cmpmem (f.batch.views.target, n_bytes, whole.batch.views.target + first * n, n_bytes);
      for (guint k = 0; k < sizes[i]; k++)
        {
          g_assert_cmpfloat (f.batch.views.timesteps[k], ==, whole.batch.views.timesteps[first + k]);
          g_assert_cmpuint (f.batch.labels[k], ==, whole.batch.labels[first + k]);
        }
      memset (whole.batch.views.output, 0, 7 * n * sizeof (float));
      memset (f.batch.views.output, 0, n_bytes);
      ddpm_train_batch_get_loss (&whole.batch);
      loss += ddpm_train_batch_get_loss (&f.batch);
      g_assert_cmpmem (f.batch.views.output, n_bytes, whole.batch.views.output + first * n, n_bytes);
      tear_down (&f);
    }
  memset (whole.batch.views.output, 0, 7 * whole.batch.views.n_picture * sizeof (float));
  g_assert_cmpfloat_with_epsilon (loss, ddpm_train_batch_get_loss (&whole.batch), 1e-12);
  tear_down (&whole);
}

/* x_t is what its picture, timestep and noise make, and the target belongs to it, for all three kinds of
 * prediction. */
static void
test_targets (void)
{
  Fixture f[3];

  for (guint kind = 0; kind < 3; kind++)
    {
      set_up (&f[kind], 6, (DdpmPrediction) kind, FALSE);
      ddpm_train_batch_prepare (&f[kind].batch, 2);
    }
  for (guint i = 0; i < 6; i++)
    {
      const guint t = (guint) f[0].batch.views.timesteps[i];
      const double signal = sqrt (f[0].schedule->alpha_bar[t]),
                   noise = sqrt (1 - (double) f[0].schedule->alpha_bar[t]);
      const gsize n = f[0].batch.views.n_picture;
      g_autofree float *x0 = g_new (float, n);

      g_assert_cmpuint (t, <, 1000);
      ddpm_dataset_get (f[0].dataset, f[0].batch.pictures[i], &(DdpmView) { 0 }, x0);
      for (gsize j = 0; j < n; j++)
        {
          const double epsilon = f[DDPM_PREDICT_EPSILON].batch.views.target[i * n + j];
          const double x_t = f[DDPM_PREDICT_EPSILON].batch.views.x_t[i * n + j];
          const double v = f[DDPM_PREDICT_V].batch.views.target[i * n + j];

          g_assert_cmpfloat_with_epsilon (x_t, signal * x0[j] + noise * epsilon, 1e-5);
          g_assert_cmpfloat_with_epsilon (v, signal * epsilon - noise * x0[j], 1e-5);
          g_assert_cmpfloat (f[DDPM_PREDICT_SAMPLE].batch.views.target[i * n + j], ==, x0[j]);
          g_assert_cmpfloat (f[DDPM_PREDICT_SAMPLE].batch.views.x_t[i * n + j], ==, (float) x_t);
          g_assert_cmpfloat (f[DDPM_PREDICT_V].batch.views.x_t[i * n + j], ==, (float) x_t);
        }
    }
  for (guint kind = 0; kind < 3; kind++)
    tear_down (&f[kind]);
}

/* About half of the pictures are mirrored, and only when asked. */
static void
test_flip (void)
{
  for (gboolean flip = FALSE; flip <= TRUE; flip++)
    {
      guint n_flipped = 0;
      Fixture f;

      set_up (&f, 100, DDPM_PREDICT_SAMPLE, flip);
      ddpm_train_batch_prepare (&f.batch, 1);
      for (guint i = 0; i < 100; i++)
        n_flipped += f.batch.views.target[i * f.batch.views.n_picture]
                     > f.batch.views.target[i * f.batch.views.n_picture + SIDE - 1];
      if (flip)
        {
          g_assert_cmpuint (n_flipped, >, 25);
          g_assert_cmpuint (n_flipped, <, 75);
        }
      else
        g_assert_cmpuint (n_flipped, ==, 0);
      tear_down (&f);
    }
}

/* Timesteps and noise as they should be distributed, roughly. */
static void
test_distribution (void)
{
  const guint size = 4000;
  double t_sum = 0, sum = 0, squares = 0;
  float least = 1000, most = 0;
  Fixture f;

  set_up (&f, size, DDPM_PREDICT_EPSILON, FALSE);
  ddpm_train_batch_prepare (&f.batch, 1);
  for (guint i = 0; i < size; i++)
    {
      t_sum += f.batch.views.timesteps[i];
      least = MIN (least, f.batch.views.timesteps[i]);
      most = MAX (most, f.batch.views.timesteps[i]);
    }
  g_assert_cmpfloat_with_epsilon (t_sum / size, 499.5, 20);
  g_assert_cmpfloat (least, <, 5);
  g_assert_cmpfloat (most, >, 994);
  for (gsize i = 0; i < size * f.batch.views.n_picture; i++)
    {
      sum += f.batch.views.target[i];
      squares += (double) f.batch.views.target[i] * f.batch.views.target[i];
    }
  g_assert_cmpfloat_with_epsilon (sum / (double) (size * f.batch.views.n_picture), 0, 0.01);
  g_assert_cmpfloat_with_epsilon (squares / (double) (size * f.batch.views.n_picture), 1, 0.02);
  tear_down (&f);
}

static void
test_loss (void)
{
  Fixture f;

  set_up (&f, 3, DDPM_PREDICT_EPSILON, FALSE);
  const gsize n = 3 * f.batch.views.n_picture;
  ddpm_train_batch_prepare (&f.batch, 1);
  g_autofree float *output = g_new (float, n);
  double expected = 0;
  for (gsize i = 0; i < n; i++)
    {
      output[i] = f.batch.views.output[i] = f.batch.views.target[i] + (float) (i % 5) - 2;
      expected += pow ((double) output[i] - f.batch.views.target[i], 2);
    }
  g_assert_cmpfloat_with_epsilon (ddpm_train_batch_get_loss (&f.batch), expected / (double) n, 1e-6);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (f.batch.views.output[i],
                                    2 * ((double) output[i] - f.batch.views.target[i]) / (double) n, 1e-6);

  memcpy (f.batch.views.output, output, n * sizeof (float));
  f.batch.views.output[n - 1] = NAN;
  g_assert_true (isnan (ddpm_train_batch_get_loss (&f.batch)));
  tear_down (&f);
}

/* With a learned variance each picture has twice the values, and the loss and the gradient are those of the
 * objective, picture by picture; in two parts of the batch as in one, and on one thread. */
static void
test_learned_variance (void)
{
  enum
  {
    SIZE = 6
  };
  g_autoptr (DdpmTeam) single = ddpm_team_new (1);
  g_autoptr (GError) error = NULL;
  g_autofree float *said = NULL, *expected = NULL;
  double loss = 0, parts = 0;
  Fixture f, g;
  gsize n;

  for (guint part = 0; part < 3; part++)
    {
      Fixture *fixture = part == 0 ? &f : &g;

      set_up (fixture, SIZE, DDPM_PREDICT_MU, TRUE);
      ddpm_train_batch_clear (&fixture->batch);
      fixture->batch.objective.variance = DDPM_VARIANCE_LEARNED_RANGE;
      fixture->batch.objective.loss = DDPM_LOSS_HYBRID;
      if (part > 0)
        {
          fixture->batch.team = single;
          fixture->batch.size = SIZE / 2;
          fixture->batch.first = (part - 1) * SIZE / 2;
          fixture->batch.whole = SIZE;
        }
      g_assert_true (ddpm_train_batch_init (&fixture->batch, &error));
      ddpm_train_batch_prepare (&fixture->batch, 3);
      n = f.batch.views.n_picture;
      g_assert_cmpuint (fixture->batch.views.n_output, ==, 2 * n);
      if (part == 0)
        {
          said = g_new (float, SIZE * 2 * n);
          for (gsize i = 0; i < SIZE * 2 * n; i++)
            said[i] = sinf ((float) i);
          expected = g_memdup2 (said, SIZE * 2 * n * sizeof (float));
          for (guint i = 0; i < SIZE; i++)
            loss += ddpm_objective_compare (&f.batch.objective, (guint) f.batch.views.timesteps[i],
                                            f.batch.views.x0 + i * n, f.batch.views.x_t + i * n,
                                            f.batch.views.target + i * n, n, 1.0 / (SIZE * n),
                                            expected + i * 2 * n);
          loss /= (double) (SIZE * n);
          memcpy (f.batch.views.output, said, SIZE * 2 * n * sizeof (float));
          g_assert_cmpfloat_with_epsilon (ddpm_train_batch_get_loss (&f.batch), loss, 1e-12 * loss);
          g_assert_cmpmem (f.batch.views.output, SIZE * 2 * n * sizeof (float), expected,
                           SIZE * 2 * n * sizeof (float));
          continue;
        }
      memcpy (g.batch.views.output, said + g.batch.first * 2 * n, SIZE * n * sizeof (float));
      parts += ddpm_train_batch_get_loss (&g.batch);
      g_assert_cmpmem (g.batch.views.output, SIZE * n * sizeof (float), expected + g.batch.first * 2 * n,
                       SIZE * n * sizeof (float));
      tear_down (&g);
    }
  g_assert_cmpfloat_with_epsilon (parts, loss, 1e-12 * loss);
  tear_down (&f);
}

static void
test_labels (void)
{
  Fixture f;
  g_autoptr (GError) error = NULL;

  set_up (&f, 3, DDPM_PREDICT_EPSILON, FALSE);
  g_assert_null (f.batch.labels);
  ddpm_train_batch_clear (&f.batch);
  f.batch.num_class_embeds = 11;
  g_assert_true (ddpm_train_batch_init (&f.batch, &error));
  ddpm_train_batch_prepare (&f.batch, 1);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (f.batch.labels[i], ==, 10);
  tear_down (&f);
}

/* Pictures come with their own label, but for the share that goes without; which ones, the step decides. */
static void
test_label_dropout (void)
{
  static const guint32 labels[N_PICTURES] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3 };
  static const double shares[] = { 0, 0.2, 1 };

  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      g_autoptr (GError) error = NULL;
      guint n_dropped = 0;
      Fixture f;

      set_up (&f, 1000, DDPM_PREDICT_EPSILON, FALSE);
      ddpm_train_batch_clear (&f.batch);
      f.batch.num_class_embeds = 11;
      f.batch.picture_labels = labels;
      f.batch.label_dropout = shares[i];
      g_assert_true (ddpm_train_batch_init (&f.batch, &error));
      for (guint step = 3; step >= 2; step--)
        ddpm_train_batch_prepare (&f.batch, step);
      g_autofree guint32 *once = g_memdup2 (f.batch.labels, 1000 * sizeof (guint32));
      for (guint p = 0; p < 1000; p++)
        {
          n_dropped += once[p] == 10;
          g_assert_true (once[p] == 10 || once[p] == labels[f.batch.pictures[p]]);
        }
      g_assert_cmpfloat_with_epsilon (n_dropped / 1000.0, shares[i], shares[i] == 0.2 ? 0.05 : 1e-9);
      ddpm_train_batch_prepare (&f.batch, 3);
      g_assert_true (shares[i] == 1 || memcmp (once, f.batch.labels, 1000 * sizeof (guint32)) != 0);
      ddpm_train_batch_prepare (&f.batch, 2);
      g_assert_cmpmem (once, 1000 * sizeof (guint32), f.batch.labels, 1000 * sizeof (guint32));
      tear_down (&f);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-batch/epochs", test_epochs);
  g_test_add_func ("/train-batch/members", test_members);
  g_test_add_func ("/train-batch/any-step", test_any_step);
  g_test_add_func ("/train-batch/parts", test_parts);
  g_test_add_func ("/train-batch/targets", test_targets);
  g_test_add_func ("/train-batch/flip", test_flip);
  g_test_add_func ("/train-batch/distribution", test_distribution);
  g_test_add_func ("/train-batch/loss", test_loss);
  g_test_add_func ("/train-batch/learned-variance", test_learned_variance);
  g_test_add_func ("/train-batch/labels", test_labels);
  g_test_add_func ("/train-batch/label-dropout", test_label_dropout);
  return g_test_run ();
}
