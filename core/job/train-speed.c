#include "core/job/train-speed.h"

#include <time.h>

#include "core/base/arena.h"
#include "core/base/rng.h"

/* A pass of so many is enough to fill the processor, and short. */
#define MEASURED_FLOP 25e9
#define MEASURED_PICTURES 32
#define DECODED_PICTURES 6
#define MEASURED_PASSES 4 /* after one that warms up; the fastest counts */

/* One forward and backward pass over noise, with the slabs and tensors it needs. */
typedef struct
{
  guint batch;
  DdpmArena arena;
  float *weights, *grads, *x, *output, *timesteps;
  guint32 *labels;
} Work;

static void
work_clear (Work *work)
{
  ddpm_arena_clear (&work->arena);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Work, work_clear)

static gboolean
work_init (Work *work, const DdpmTrainSetup *setup)
{
  const DdpmUnetConfig *config = &setup->config;
  const gsize n_weights = ddpm_unet_get_n_weights (setup->unet);
  const gsize n_pixels = (gsize) work->batch * setup->dataset->height * setup->dataset->width;
  const gsize n_in = n_pixels * config->in_channels, n_out = n_pixels * config->out_channels;
  float *next = NULL;

  if (!ddpm_arena_init (&work->arena, (2 * n_weights + n_in + n_out + 2 * work->batch) * sizeof (float),
                        NULL))
    return FALSE;
  next = work->arena.base;
  work->weights = next;
  work->grads = work->weights + n_weights;
  work->x = work->grads + n_weights;
  work->output = work->x + n_in;
  work->timesteps = work->output + n_out;
  work->labels = (guint32 *) (work->timesteps + work->batch);
  ddpm_unet_init_weights (setup->unet, 0, work->weights);
  ddpm_rng_normal ((DdpmRngKey) { 0, DDPM_RNG_LATENT, 0, 0 }, work->x, n_in);
  for (guint i = 0; i < work->batch; i++)
    work->timesteps[i] = (float) (i + 1);
  return TRUE;
}

static guint
choose_batch (const DdpmTrainSetup *setup)
{
  const double flop = 3 * ddpm_unet_get_flop (setup->unet, setup->dataset->height, setup->dataset->width);

  return (guint) CLAMP (MEASURED_FLOP / flop, 1, MIN (setup->options.batch, MEASURED_PICTURES));
}

static double
get_cpu_seconds (void)
{
  struct timespec time;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

/* Seconds that passed, and that each thread worked; the latter of the pass forward alone, too. */
typedef struct
{
  double wall, work, forward_work;
} Duration;

/* The output stands for the gradient of the loss. */
static Duration
time_pass (DdpmUnetPass *pass, const Work *work, guint n_threads)
{
  const gint64 begin_us = g_get_monotonic_time ();
  const double begin_cpu = get_cpu_seconds ();
  double middle_cpu;

  ddpm_unet_pass_forward (pass, work->x, work->timesteps, work->labels, work->output);
  middle_cpu = get_cpu_seconds ();
  ddpm_unet_pass_backward (pass, work->output, work->grads, NULL);
  return (Duration) { MAX ((double) (g_get_monotonic_time () - begin_us) / G_USEC_PER_SEC, 1e-6),
                      MAX ((get_cpu_seconds () - begin_cpu) / n_threads, 1e-6),
                      MAX ((middle_cpu - begin_cpu) / n_threads, 1e-6) };
}

/* A step lasts as long as the slowest of the processes that share it; and all have to decide the same. */
static gboolean
share (DdpmTrainSetup *setup, GCancellable *cancellable, GError **error)
{
  typedef struct
  {
    double pictures_per_s, made_per_s, decode_s;
  } Speed;
  const Speed own = { setup->pictures_per_s, setup->made_per_s, setup->decode_s };
  DdpmRanks *ranks = setup->options.ranks;
  g_autofree Speed *all = NULL;

  if (ranks == NULL)
    return TRUE;
  all = g_new (Speed, ranks->n_ranks);
  if (!ranks->exchange (ranks, &own, all, sizeof *all, cancellable, error))
    return FALSE;
  for (guint i = 0; i < ranks->n_ranks; i++)
    {
      setup->pictures_per_s = MIN (setup->pictures_per_s, all[i].pictures_per_s);
      setup->made_per_s = MIN (setup->made_per_s, all[i].made_per_s);
      setup->decode_s = MAX (setup->decode_s, all[i].decode_s);
    }
  setup->pictures_per_s *= ranks->n_ranks;
  return TRUE;
}

/* Of pictures whose headers alone were read. They are not decoded again later. */
static void
measure_decoding (DdpmTrainSetup *setup)
{
  const DdpmDataset *dataset = setup->dataset;
  const guint n = MIN (setup->n_training, DECODED_PICTURES);
  const double begin = get_cpu_seconds ();

  setup->decode_s = 0;
  if (dataset->is_checked)
    return;
  for (guint i = 0; i < n; i++)
    {
      DdpmHeldPicture held;

      if (ddpm_dataset_hold (dataset, setup->training, setup->n_training,
                             (guint) ((guint64) i * setup->n_training / n), &held))
        ddpm_dataset_release (dataset, &held);
    }
  setup->decode_s = (get_cpu_seconds () - begin) / n / setup->options.n_threads;
}

static void
measure (DdpmTrainSetup *setup, GCancellable *cancellable)
{
  g_auto (Work) work = { .batch = choose_batch (setup) };
  const DdpmPassOptions options = { .batch = work.batch,
                                    .height = setup->dataset->height,
                                    .width = setup->dataset->width,
                                    .mode = DDPM_PASS_TRAINING,
                                    .precision = setup->options.precision,
                                    .recompute = setup->recompute };
  g_autoptr (DdpmTeam) team = ddpm_team_new (setup->options.n_threads);
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (setup->unet, team, &options, NULL);
  const guint n_threads = ddpm_team_get_n_threads (team);
  Duration fastest;

  setup->pictures_per_s = setup->made_per_s = 0;
  setup->slowdown = 1;
  if (pass == NULL || !work_init (&work, setup))
    return;
  ddpm_unet_pass_set_weights (pass, work.weights);
  ddpm_team_set_cancellable (team, cancellable);
  time_pass (pass, &work, n_threads);
  fastest = time_pass (pass, &work, n_threads);
  for (guint i = 1; i < MEASURED_PASSES; i++)
    {
      const Duration one = time_pass (pass, &work, n_threads);

      fastest = (Duration) { MIN (fastest.wall, one.wall), MIN (fastest.work, one.work),
                             MIN (fastest.forward_work, one.forward_work) };
    }
  setup->pictures_per_s = work.batch / fastest.work;
  setup->made_per_s = work.batch / fastest.forward_work;
  setup->slowdown = MAX (fastest.wall / fastest.work, 1);
}

gboolean
ddpm_train_measure_speed (DdpmTrainSetup *setup, GCancellable *cancellable, GError **error)
{
  measure (setup, cancellable);
  measure_decoding (setup);
  return share (setup, cancellable, error) && !g_cancellable_set_error_if_cancelled (cancellable, error);
}
