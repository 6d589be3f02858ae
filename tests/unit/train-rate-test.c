#include "core/job/train-rate.h"

static void
test_nothing (void)
{
  DdpmTrainRate rate;

  ddpm_train_rate_init (&rate);
  g_assert_cmpfloat (ddpm_train_rate_get (&rate), ==, 0);
  g_assert_cmpfloat (ddpm_train_rate_get_total (&rate), ==, 0);
}

/* Steps are counted, and only their own time. */
static void
test_steps (void)
{
  DdpmTrainRate rate;

  ddpm_train_rate_init (&rate);
  for (guint i = 0; i < 3 * DDPM_TRAIN_RATE_STEPS; i++)
    {
      ddpm_train_rate_begin_step (&rate);
      ddpm_train_rate_end_step (&rate);
      g_assert_cmpfloat (ddpm_train_rate_get (&rate), >, 0);
    }
  g_assert_cmpuint (rate.n, ==, 3 * DDPM_TRAIN_RATE_STEPS);
  g_assert_cmpfloat (ddpm_train_rate_get_total (&rate), >, 0);
}

/* One long step among short ones does not show, before and after the list of the last steps is full. */
static void
test_median (void)
{
  DdpmTrainRate rate;

  ddpm_train_rate_init (&rate);
  rate.durations_us[0] = 100 * G_USEC_PER_SEC;
  rate.durations_us[1] = rate.durations_us[2] = G_USEC_PER_SEC / 4;
  rate.n = 3;
  g_assert_cmpfloat (ddpm_train_rate_get (&rate), ==, 4);
  for (guint i = 3; i < DDPM_TRAIN_RATE_STEPS; i++)
    rate.durations_us[i] = G_USEC_PER_SEC / 8;
  rate.n = 10 * DDPM_TRAIN_RATE_STEPS + 7;
  g_assert_cmpfloat (ddpm_train_rate_get (&rate), ==, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-rate/nothing", test_nothing);
  g_test_add_func ("/train-rate/steps", test_steps);
  g_test_add_func ("/train-rate/median", test_median);
  return g_test_run ();
}
