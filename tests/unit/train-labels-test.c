/* Training with labels: from folders, on a model that has them or not, and after a pause. */
#include <glib/gstdio.h>

#include "tests/unit/train-job-common.h"

/* 5 cats, 4 dogs, a bird and one picture of nothing in particular. */
static void
make_labelled_pictures (const char *scratch)
{
  make_pictures (scratch, "pictures/cat", 5, 3);
  make_pictures (scratch, "pictures/dog/old", 4, 3);
  make_pictures (scratch, "pictures/bird", 1, 3);
  make_pictures (scratch, "pictures", 1, 3);
}

static void
init_label_options (DdpmTrainOptions *options, const char *scratch, const char *output)
{
  init_options (options, scratch, output);
  options->labels = TRUE;
  options->min_label_pictures = 4;
  options->label_dropout = 0.3;
  options->dtype = DDPM_DTYPE_F32;
}

static const float *
get_row (const DdpmModel *model, guint row)
{
  const DdpmParam *table = ddpm_unet_find_param (model->unet, "class_embedding.weight");

  g_assert_cmpuint (row, <, table->shape[0]);
  return model->weights + table->offset + row * table->shape[1];
}

static void
test_train (void)
{
  static const char *const names[] = { "cat", "dog", NULL };
  static const guint32 expected[] = { 2, 2, 0, 0, 0, 0, 0, 1, 1, 1, 1 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, unlabelled = { 0 };
  g_autoptr (DdpmTrainJob) job = NULL;
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (GError) error = NULL;
  const DdpmTrainPlan *plan;

  make_labelled_pictures (scratch);
  init_label_options (&options, scratch, "model");
  job = ddpm_train_job_new (&options, &error);
  g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
  plan = ddpm_train_job_get_plan (job);
  g_assert_cmpstrv (plan->label_names, names);
  g_assert_cmpmem (plan->labels, 11 * sizeof (guint32), expected, sizeof expected);
  g_assert_cmpuint (plan->config->num_class_embeds, ==, 3);
  g_assert_true (ddpm_train_job_run (job, NULL, NULL, NULL, &error));
  model = open_model (scratch, "model");
  g_assert_cmpstrv (model->notes.labels, names);
  g_assert_cmpuint (ddpm_unet_get_config (model->unet)->num_class_embeds, ==, 3);

  init_options (&unlabelled, scratch, "unlabelled");
  assert_trains (&unlabelled);
  g_assert_false (is_same (scratch, "model", "unlabelled", "training/state.safetensors"));
}

static void
test_resume (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, stopped = { 0 }, resumed = { 0 };
  g_autofree char *cats = g_build_filename (scratch, "pictures", "cat", NULL);
  g_autofree char *lions = g_build_filename (scratch, "pictures", "lion", NULL);

  make_labelled_pictures (scratch);
  init_label_options (&options, scratch, "whole");
  assert_trains (&options);
  init_label_options (&stopped, scratch, "resumed");
  stopped.steps = 5;
  assert_trains (&stopped);
  init_resume_options (&resumed, scratch, "resumed");
  resumed.steps = 8;
  assert_trains (&resumed);
  assert_same_run (scratch, "whole", "resumed");

  resumed.label_dropout = 0.2;
  assert_refused (&resumed, DDPM_ERROR_USAGE, "--label-dropout differs");
  resumed.label_dropout = 0.3;
  /* the same pictures under another name are other data now */
  g_assert_cmpint (g_rename (cats, lions), ==, 0);
  assert_refused (&resumed, DDPM_ERROR_FILE, "not those that this training began with");
}

/* Rows of labels that both have are kept; a new label begins as what the model knew of pictures without one.
 */
static void
test_from (void)
{
  static const char *const names[] = { "bird", "dog", NULL };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, more = { 0 };
  g_autoptr (DdpmModel) first = NULL, second = NULL;
  gsize n_bytes;

  make_labelled_pictures (scratch);
  make_pictures (scratch, "others/bird", 2, 3);
  make_pictures (scratch, "others/dog", 2, 3);
  init_label_options (&options, scratch, "first");
  assert_trains (&options);

  ddpm_train_options_init (&more);
  more.pictures = scratch_file (scratch, "others");
  more.output = scratch_file (scratch, "second");
  more.from = g_object_ref (options.output);
  more.labels = TRUE;
  more.min_label_pictures = 1;
  more.steps = 1;
  more.batch = 2;
  more.lr = 1e-12; /* no way to get far from there */
  more.sample_every = 0;
  more.dtype = DDPM_DTYPE_F32;
  assert_trains (&more);
  first = open_model (scratch, "first");
  second = open_model (scratch, "second");
  g_assert_cmpstrv (second->notes.labels, names);
  n_bytes = ddpm_unet_find_param (first->unet, "class_embedding.weight")->shape[1] * sizeof (float);
  g_assert_cmpint (memcmp (get_row (first, 1), get_row (first, 2), n_bytes), !=, 0);
  for (guint i = 0; i < n_bytes / sizeof (float); i++)
    {
      g_assert_cmpfloat_with_epsilon (get_row (second, 0)[i], get_row (first, 2)[i], 1e-6); /* bird: none */
      g_assert_cmpfloat_with_epsilon (get_row (second, 1)[i], get_row (first, 1)[i], 1e-6); /* dog */
      g_assert_cmpfloat_with_epsilon (get_row (second, 2)[i], get_row (first, 2)[i], 1e-6); /* none */
    }
}

/* A model without labels can learn some; at first they change nothing. */
static void
test_from_unlabelled (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, more = { 0 }, resumed = { 0 };
  g_autoptr (DdpmModel) first = NULL, second = NULL;
  const DdpmParam *params;
  guint n_params;

  make_labelled_pictures (scratch);
  init_options (&options, scratch, "first");
  options.dtype = DDPM_DTYPE_F32;
  assert_trains (&options);
  ddpm_train_options_init (&more);
  more.pictures = g_object_ref (options.pictures);
  more.output = scratch_file (scratch, "second");
  more.from = g_object_ref (options.output);
  more.labels = TRUE;
  more.min_label_pictures = 5;
  more.steps = 1;
  more.batch = 2;
  more.lr = 1e-12;
  more.sample_every = 0;
  more.dtype = DDPM_DTYPE_F32;
  assert_trains (&more);
  first = open_model (scratch, "first");
  second = open_model (scratch, "second");
  g_assert_cmpuint (g_strv_length (second->notes.labels), ==, 1);
  params = ddpm_unet_get_params (second->unet, &n_params);
  for (guint p = 0; p < n_params; p++)
    {
      const DdpmParam *old = ddpm_unet_find_param (first->unet, params[p].name);

      for (gsize i = 0; i < params[p].n_values; i++)
        g_assert_cmpfloat_with_epsilon (second->weights[params[p].offset + i],
                                        old != NULL ? first->weights[old->offset + i] : 0, 1e-6);
    }
  init_resume_options (&resumed, scratch, "second");
  resumed.steps = 2;
  assert_trains (&resumed);
}

static void
test_refused (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_labelled_pictures (scratch);
  init_label_options (&options, scratch, "model");
  options.min_label_pictures = 6;
  assert_refused (&options, DDPM_ERROR_USAGE, "holds 6 pictures or more");
  options.min_label_pictures = 4;
  options.label_dropout = 1.5;
  assert_refused (&options, DDPM_ERROR_USAGE, "--label-dropout must be between");
  options.label_dropout = 0.5;
  options.labels = FALSE;
  assert_refused (&options, DDPM_ERROR_USAGE, "--min-label-pictures means nothing without --labels");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-labels/train", test_train);
  g_test_add_func ("/train-labels/resume", test_resume);
  g_test_add_func ("/train-labels/from", test_from);
  g_test_add_func ("/train-labels/from-unlabelled", test_from_unlabelled);
  g_test_add_func ("/train-labels/refused", test_refused);
  return g_test_run ();
}
