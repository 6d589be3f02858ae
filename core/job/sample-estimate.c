/* How long a sampling job will take, before it begins: what its network has to do, and how long this
 * machine's processors work for the like. Others that keep them busy just now do not count, as in
 * core/job/train-speed.h: the same settings shall be told the same twice. */
#include "core/job/sample-predict.h"

#include <time.h>

/* A pass of the network that is measured has at most so many operations. */
#define MEASURED_FLOP 1e9
#define MEASURED_SIDE 64   /* pixels, at most */
#define MEASURED_WIDTH 128 /* channels, at most */
#define MEASURED_US 40000  /* as many passes as fit in */

/* A smaller network of the same kind: the widths of the two uppermost levels, where most of the work is. */
static DdpmUnet *
make_small_network (const DdpmUnetConfig *own)
{
  DdpmUnetConfig config;

  ddpm_unet_config_init (&config);
  config.in_channels = own->in_channels;
  config.out_channels = own->out_channels;
  config.n_levels = MIN (own->n_levels, 2);
  config.layers_per_block = 1;
  config.add_attention = FALSE;
  for (guint i = 0; i < config.n_levels; i++)
    {
      config.down_block_types[i] = config.up_block_types[i] = DDPM_BLOCK_PLAIN;
      config.block_out_channels[i] = MIN (own->block_out_channels[i], MEASURED_WIDTH);
    }
  config.norm_num_groups = ddpm_unet_config_choose_groups (config.block_out_channels, config.n_levels);
  return ddpm_unet_new (&config, NULL);
}

/* Of this process, all its threads together. */
static double
get_cpu_seconds (void)
{
  struct timespec time;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

/* Operations in a second, 0: not known. */
static double
measure_speed (const DdpmSampleJob *job)
{
  g_autoptr (DdpmUnet) unet = make_small_network (ddpm_unet_get_config (job->model->unet));
  g_autoptr (DdpmTeam) team = ddpm_team_new (job->options.n_threads);
  g_autoptr (DdpmUnetPass) pass = NULL;
  g_autofree float *weights = NULL, *x = NULL, *output = NULL;
  const gint64 begin_us = g_get_monotonic_time ();
  guint side = MEASURED_SIDE;
  double fastest = G_MAXDOUBLE;
  float timestep = 1;

  if (unet == NULL)
    return 0;
  while (side > 8 && ddpm_unet_get_flop (unet, side, side) > MEASURED_FLOP)
    side /= 2;
  pass = ddpm_unet_pass_new (
    unet, team, &(DdpmPassOptions) { 1, side, side, DDPM_PASS_INFERENCE, job->options.precision }, NULL);
  if (pass == NULL)
    return 0;
  weights = g_new (float, ddpm_unet_get_n_weights (unet));
  ddpm_unet_init_weights (unet, 0, weights);
  ddpm_unet_pass_set_weights (pass, weights);
  x = g_new0 (float, (gsize) side *side * job->n_channels);
  output = g_new (float, (gsize) side *side *ddpm_unet_get_config (unet)->out_channels);
  for (guint i = 0; i < 2 || g_get_monotonic_time () - begin_us < MEASURED_US; i++)
    {
      const double pass_begin = get_cpu_seconds ();

      ddpm_unet_pass_forward (pass, x, &timestep, NULL, output);
      fastest = MIN (fastest, MAX (get_cpu_seconds () - pass_begin, 1e-6));
    }
  return ddpm_unet_get_flop (unet, side, side) * ddpm_team_get_n_threads (team) / fastest;
}

double
ddpm_sample_job_estimate_seconds (DdpmSampleJob *job)
{
  const DdpmWindows *windows = &job->windows;
  double flop, speed;

  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job), -1);

  if (!ddpm_sample_job_denoises (job))
    return 0;
  speed = measure_speed (job);
  if (speed <= 0)
    return -1;
  flop = ddpm_unet_get_flop (job->model->unet, windows->y.size, windows->x.size)
         * ddpm_sample_predictor_count_windows (job) * (job->guided ? 2 : 1);
  return flop * (double) ddpm_sample_job_get_total_steps (job) / speed;
}
