/* scheduler_config.json: read, written and read again, for every class; what it says when it is wrong. */
#include "core/model/config.h"
#include "tests/unit/config-common.h"

static gboolean
read_scheduler_node (JsonNode *node, GError **error)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };

  return ddpm_scheduler_config_from_json (&config, node, "some/config.json", error);
}

static void
read_scheduler (DdpmSchedulerConfig *config, const char *text)
{
  g_autoptr (JsonNode) node = parse (text);
  g_autoptr (GError) error = NULL;

  ddpm_scheduler_config_from_json (config, node, "scheduler_config.json", &error);
  g_assert_no_error (error);
}

static void
test_read (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 }, old = { 0 }, heun = { 0 }, again = { 0 };
  g_autoptr (JsonNode) node = NULL;

  read_scheduler (&config,
                  "{\"_class_name\":\"DDIMScheduler\",\"num_train_timesteps\":3,\"beta_start\":0.1,"
                  "\"beta_end\":0.2,\"beta_schedule\":\"scaled_linear\",\"trained_betas\":[0.1,0.5,0.25],"
                  "\"prediction_type\":\"v_prediction\",\"clip_sample\":false,\"clip_sample_range\":2,"
                  "\"timestep_spacing\":\"trailing\",\"steps_offset\":1,\"set_alpha_to_one\":false,"
                  "\"rescale_betas_zero_snr\":true,\"thresholding\":true,\"dynamic_thresholding_ratio\":0.9,"
                  "\"sample_max_value\":1.5}");
  g_assert_cmpint (config.beta_schedule, ==, DDPM_BETAS_TRAINED);
  g_assert_cmpfloat (config.trained_betas[1], ==, 0.5f);
  g_assert_cmpint (config.prediction_type, ==, DDPM_PREDICT_V);
  g_assert_cmpint (config.timestep_spacing, ==, DDPM_SPACING_TRAILING);
  g_assert_false (config.set_alpha_to_one || config.clip_sample);
  g_assert_true (config.thresholding && config.rescale_betas_zero_snr);

  node = ddpm_scheduler_config_to_json (&config);
  g_assert_true (ddpm_scheduler_config_from_json (&again, node, "again", NULL));
  g_assert_cmpstr (again.class_name, ==, "DDIMScheduler");
  g_assert_cmpmem (again.trained_betas, 12, config.trained_betas, 12);
  g_assert_cmpuint (again.steps_offset, ==, 1);
  g_assert_cmpfloat (again.sample_max_value, ==, 1.5);
  g_assert_false (again.set_alpha_to_one);
  g_assert_cmpint (again.timestep_spacing, ==, DDPM_SPACING_TRAILING);

  read_scheduler (&old,
                  "{\"_class_name\":\"DDPMScheduler\",\"tensor_format\":\"pt\",\"timestep_values\":null,"
                  "\"predict_epsilon\":false,\"variance_type\":\"fixed_large\"}");
  g_assert_cmpint (old.prediction_type, ==, DDPM_PREDICT_SAMPLE);
  g_assert_cmpint (old.variance_type, ==, DDPM_VARIANCE_FIXED_LARGE);
  g_assert_cmpuint (old.num_train_timesteps, ==, 1000);

  read_scheduler (&heun, "{\"_class_name\":\"HeunDiscreteScheduler\",\"variance_type\":null,"
                         "\"lambda_min_clipped\":-Infinity}");
  g_assert_cmpfloat (heun.beta_end, ==, 0.012);
  g_assert_cmpint (heun.timestep_spacing, ==, DDPM_SPACING_LINSPACE);
  g_assert_cmpstr (heun.class_name, ==, "HeunDiscreteScheduler");
}

static void
test_written (void)
{
  static const char expected[] =
    "{\"_class_name\":\"DDPMScheduler\",\"_diffusers_version\":\"0.33.0\",\"beta_end\":0.02,\"beta_"
    "schedule\":"
    "\"linear\",\"beta_start\":0.0001,\"clip_sample\":true,\"clip_sample_range\":1.0,"
    "\"dynamic_thresholding_ratio\":0.995,\"num_train_timesteps\":1000,\"prediction_type\":\"epsilon\","
    "\"rescale_betas_zero_snr\":false,\"sample_max_value\":1.0,\"steps_offset\":0,\"thresholding\":false,"
    "\"timestep_spacing\":\"leading\",\"trained_betas\":null,\"variance_type\":\"fixed_small\"}";
  g_autoptr (JsonNode) node = parse (expected), written = NULL;
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autofree char *text = NULL, *expected_text = ddpm_json_to_text (node);

  ddpm_scheduler_config_init (&config);
  written = ddpm_scheduler_config_to_json (&config);
  text = ddpm_json_to_text (written);
  g_assert_cmpstr (text, ==, expected_text);
}

static void
test_bad (void)
{
  static const char *const wrong[] = {
    "{\"num_train_timesteps\":0}",
    "{\"num_train_timesteps\":1e3}",
    "{\"num_train_timesteps\":2000000000}",
    "{\"beta_start\":\"0.1\"}",
    "{\"beta_end\":NaN}",
    "{\"trained_betas\":[0.1]}",
    "{\"trained_betas\":0.1}",
    "{\"clip_sample\":null}",
    "{\"clip_sample_range\":Infinity}",
    "{\"steps_offset\":-1}",
    "{\"beta_schedule\":3}",
    "{\"_class_name\":[]}",
    "{\"num_train_timesteps\":2,\"trained_betas\":[0.1,null]}",
    "{\"predict_epsilon\":\"no\"}",
  };
  static const char *const unsupported[] = {
    "{\"beta_schedule\":\"laplace\"}",
    "{\"prediction_type\":\"flow_prediction\"}",
    "{\"variance_type\":\"other\"}",
    "{\"timestep_spacing\":\"other\"}",
    "{\"_class_name\":\"ScoreSdeVeScheduler\"}",
    "{\"_class_name\":\"FlowMatchEulerDiscreteScheduler\"}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    assert_refused (read_scheduler_node, wrong[i], DDPM_ERROR_FILE, "has to be");
  for (guint i = 0; i < G_N_ELEMENTS (unsupported); i++)
    assert_refused (read_scheduler_node, unsupported[i], DDPM_ERROR_UNSUPPORTED, "");
}

static void
test_copy (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 }, copy = { 0 };

  read_scheduler (&config, "{\"_class_name\":\"X\",\"num_train_timesteps\":2,\"trained_betas\":[0.5,0.25]}");
  ddpm_scheduler_config_copy (&copy, &config);
  ddpm_scheduler_config_clear (&config);
  g_assert_cmpstr (copy.class_name, ==, "X");
  g_assert_cmpfloat (copy.trained_betas[1], ==, 0.25f);
}

/* With quotation marks of either kind, so that they need not be escaped here. */
static JsonNode *
parse_quoted (const char *text)
{
  g_autofree char *json = g_strdelimit (g_strdup (text), "'", '"');

  return parse (json);
}

/* What is written of what is read, as text, without the version. */
static char *
write_again (JsonNode *node)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) written = NULL;

  ddpm_scheduler_config_from_json (&config, node, "scheduler_config.json", &error);
  g_assert_no_error (error);
  written = ddpm_scheduler_config_to_json (&config);
  g_assert_true (json_object_has_member (json_node_get_object (written), "_diffusers_version"));
  json_object_remove_member (json_node_get_object (written), "_diffusers_version");
  return ddpm_json_to_text (written);
}

static void
assert_written (const char *text, const char *expected)
{
  g_autoptr (JsonNode) node = parse_quoted (text), expected_node = parse_quoted (expected);
  g_autofree char *written = write_again (node), *wanted = ddpm_json_to_text (expected_node);

  g_assert_cmpstr (written, ==, wanted);
}

/* Of each class its members, with what diffusers takes where they are missing, and with other values. */
static const struct
{
  const char *name, *usual, *other;
} classes[] = {
  { "DDPMScheduler",
    "{'_class_name': 'DDPMScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', 'beta_start': "
    "0.0001, 'clip_sample': true, 'clip_sample_range': 1.0, 'dynamic_thresholding_ratio': 0.995, "
    "'num_train_timesteps': 1000, 'prediction_type': 'epsilon', 'rescale_betas_zero_snr': false, "
    "'sample_max_value': 1.0, 'steps_offset': 0, 'thresholding': false, 'timestep_spacing': "
    "'leading', 'trained_betas': null, 'variance_type': 'fixed_small'}",
    "{'_class_name': 'DDPMScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'clip_sample': false, 'clip_sample_range': 2.0, "
    "'dynamic_thresholding_ratio': 0.9, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', "
    "'rescale_betas_zero_snr': true, 'sample_max_value': 1.5, 'steps_offset': 1, 'thresholding': "
    "true, 'timestep_spacing': 'trailing', 'trained_betas': null, 'variance_type': 'learned_range'}" },
  { "DDIMScheduler",
    "{'_class_name': 'DDIMScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', 'beta_start': "
    "0.0001, 'clip_sample': true, 'clip_sample_range': 1.0, 'dynamic_thresholding_ratio': 0.995, "
    "'num_train_timesteps': 1000, 'prediction_type': 'epsilon', 'rescale_betas_zero_snr': false, "
    "'sample_max_value': 1.0, 'set_alpha_to_one': true, 'steps_offset': 0, 'thresholding': false, "
    "'timestep_spacing': 'leading', 'trained_betas': null}",
    "{'_class_name': 'DDIMScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'clip_sample': false, 'clip_sample_range': 2.0, "
    "'dynamic_thresholding_ratio': 0.9, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', "
    "'rescale_betas_zero_snr': true, 'sample_max_value': 1.5, 'set_alpha_to_one': false, "
    "'steps_offset': 1, 'thresholding': true, 'timestep_spacing': 'trailing', 'trained_betas': null}" },
  { "PNDMScheduler",
    "{'_class_name': 'PNDMScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', 'beta_start': "
    "0.0001, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', 'set_alpha_to_one': false, "
    "'skip_prk_steps': false, 'steps_offset': 0, 'timestep_spacing': 'leading', 'trained_betas': "
    "null}",
    "{'_class_name': 'PNDMScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', "
    "'set_alpha_to_one': true, 'skip_prk_steps': true, 'steps_offset': 1, 'timestep_spacing': "
    "'trailing', 'trained_betas': null}" },
  { "LMSDiscreteScheduler",
    "{'_class_name': 'LMSDiscreteScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', "
    "'beta_start': 0.0001, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', 'steps_offset': "
    "0, 'timestep_spacing': 'linspace', 'trained_betas': null, 'use_exponential_sigmas': false, "
    "'use_karras_sigmas': false}",
    "{'_class_name': 'LMSDiscreteScheduler', 'beta_end': 0.5, 'beta_schedule': 'linear', "
    "'beta_start': 0.25, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', 'steps_offset': "
    "1, 'timestep_spacing': 'trailing', 'trained_betas': [0.125, 0.5, 0.25], "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': true}" },
  { "EulerDiscreteScheduler",
    "{'_class_name': 'EulerDiscreteScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', "
    "'beta_start': 0.0001, 'final_sigmas_type': 'zero', 'num_train_timesteps': 1000, "
    "'prediction_type': 'epsilon', 'rescale_betas_zero_snr': false, 'steps_offset': 0, "
    "'timestep_spacing': 'linspace', 'trained_betas': null, 'use_exponential_sigmas': false, "
    "'use_karras_sigmas': false}",
    "{'_class_name': 'EulerDiscreteScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'final_sigmas_type': 'sigma_min', 'num_train_timesteps': 3, "
    "'prediction_type': 'v_prediction', 'rescale_betas_zero_snr': true, 'steps_offset': 1, "
    "'timestep_spacing': 'trailing', 'trained_betas': null, 'use_exponential_sigmas': true, "
    "'use_karras_sigmas': false}" },
  { "EulerAncestralDiscreteScheduler",
    "{'_class_name': 'EulerAncestralDiscreteScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', "
    "'beta_start': 0.0001, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', "
    "'rescale_betas_zero_snr': false, 'steps_offset': 0, 'timestep_spacing': 'linspace', "
    "'trained_betas': null}",
    "{'_class_name': 'EulerAncestralDiscreteScheduler', 'beta_end': 0.5, 'beta_schedule': "
    "'scaled_linear', 'beta_start': 0.25, 'num_train_timesteps': 3, 'prediction_type': "
    "'v_prediction', 'rescale_betas_zero_snr': true, 'steps_offset': 1, 'timestep_spacing': "
    "'trailing', 'trained_betas': null}" },
  { "HeunDiscreteScheduler",
    "{'_class_name': 'HeunDiscreteScheduler', 'beta_end': 0.012, 'beta_schedule': 'linear', "
    "'beta_start': 0.00085, 'clip_sample': false, 'clip_sample_range': 1.0, 'num_train_timesteps': "
    "1000, 'prediction_type': 'epsilon', 'steps_offset': 0, 'timestep_spacing': 'linspace', "
    "'trained_betas': null, 'use_exponential_sigmas': false, 'use_karras_sigmas': false}",
    "{'_class_name': 'HeunDiscreteScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'clip_sample': true, 'clip_sample_range': 2.0, 'num_train_timesteps': 3, "
    "'prediction_type': 'v_prediction', 'steps_offset': 1, 'timestep_spacing': 'trailing', "
    "'trained_betas': null, 'use_exponential_sigmas': false, 'use_karras_sigmas': true}" },
  { "DPMSolverMultistepScheduler",
    "{'_class_name': 'DPMSolverMultistepScheduler', 'algorithm_type': 'dpmsolver++', 'beta_end': "
    "0.02, 'beta_schedule': 'linear', 'beta_start': 0.0001, 'dynamic_thresholding_ratio': 0.995, "
    "'euler_at_final': false, 'final_sigmas_type': 'zero', 'lower_order_final': true, "
    "'num_train_timesteps': 1000, 'prediction_type': 'epsilon', 'rescale_betas_zero_snr': false, "
    "'sample_max_value': 1.0, 'solver_order': 2, 'solver_type': 'midpoint', 'steps_offset': 0, "
    "'thresholding': false, 'timestep_spacing': 'linspace', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': false, 'variance_type': null}",
    "{'_class_name': 'DPMSolverMultistepScheduler', 'algorithm_type': 'sde-dpmsolver', 'beta_end': "
    "0.5, 'beta_schedule': 'scaled_linear', 'beta_start': 0.25, 'dynamic_thresholding_ratio': 0.9, "
    "'euler_at_final': true, 'final_sigmas_type': 'sigma_min', 'lambda_min_clipped': -5.25, "
    "'lower_order_final': false, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', "
    "'rescale_betas_zero_snr': true, 'sample_max_value': 1.5, 'solver_order': 3, 'solver_type': "
    "'heun', 'steps_offset': 1, 'thresholding': true, 'timestep_spacing': 'trailing', "
    "'trained_betas': null, 'use_exponential_sigmas': false, 'use_karras_sigmas': true, "
    "'variance_type': 'learned_range'}" },
  { "UniPCMultistepScheduler",
    "{'_class_name': 'UniPCMultistepScheduler', 'beta_end': 0.02, 'beta_schedule': 'linear', "
    "'beta_start': 0.0001, 'disable_corrector': [], 'dynamic_thresholding_ratio': 0.995, "
    "'final_sigmas_type': 'zero', 'lower_order_final': true, 'num_train_timesteps': 1000, "
    "'predict_x0': true, 'prediction_type': 'epsilon', 'rescale_betas_zero_snr': false, "
    "'sample_max_value': 1.0, 'solver_order': 2, 'solver_type': 'bh2', 'steps_offset': 0, "
    "'thresholding': false, 'timestep_spacing': 'linspace', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': false}",
    "{'_class_name': 'UniPCMultistepScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'disable_corrector': [0, 2], 'dynamic_thresholding_ratio': 0.9, "
    "'final_sigmas_type': 'sigma_min', 'lower_order_final': false, 'num_train_timesteps': 3, "
    "'predict_x0': false, 'prediction_type': 'v_prediction', 'rescale_betas_zero_snr': true, "
    "'sample_max_value': 1.5, 'solver_order': 3, 'solver_type': 'bh1', 'steps_offset': 1, "
    "'thresholding': true, 'timestep_spacing': 'trailing', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': true}" },
  { "DEISMultistepScheduler",
    "{'_class_name': 'DEISMultistepScheduler', 'algorithm_type': 'deis', 'beta_end': 0.02, "
    "'beta_schedule': 'linear', 'beta_start': 0.0001, 'dynamic_thresholding_ratio': 0.995, "
    "'lower_order_final': true, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', "
    "'sample_max_value': 1.0, 'solver_order': 2, 'solver_type': 'logrho', 'steps_offset': 0, "
    "'thresholding': false, 'timestep_spacing': 'linspace', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': false}",
    "{'_class_name': 'DEISMultistepScheduler', 'algorithm_type': 'dpmsolver', 'beta_end': 0.5, "
    "'beta_schedule': 'scaled_linear', 'beta_start': 0.25, 'dynamic_thresholding_ratio': 0.9, "
    "'lower_order_final': false, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', "
    "'sample_max_value': 1.5, 'solver_order': 3, 'solver_type': 'heun', 'steps_offset': 1, "
    "'thresholding': true, 'timestep_spacing': 'trailing', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': true}" },
  { "DPMSolverSinglestepScheduler",
    "{'_class_name': 'DPMSolverSinglestepScheduler', 'algorithm_type': 'dpmsolver++', 'beta_end': "
    "0.02, 'beta_schedule': 'linear', 'beta_start': 0.0001, 'dynamic_thresholding_ratio': 0.995, "
    "'final_sigmas_type': 'zero', 'lower_order_final': true, 'num_train_timesteps': 1000, "
    "'prediction_type': 'epsilon', 'sample_max_value': 1.0, 'solver_order': 2, 'solver_type': "
    "'midpoint', 'thresholding': false, 'trained_betas': null, 'use_exponential_sigmas': false, "
    "'use_karras_sigmas': false, 'variance_type': null}",
    "{'_class_name': 'DPMSolverSinglestepScheduler', 'algorithm_type': 'sde-dpmsolver', 'beta_end': "
    "0.5, 'beta_schedule': 'scaled_linear', 'beta_start': 0.25, 'dynamic_thresholding_ratio': 0.9, "
    "'final_sigmas_type': 'sigma_min', 'lower_order_final': false, 'num_train_timesteps': 3, "
    "'prediction_type': 'v_prediction', 'sample_max_value': 1.5, 'solver_order': 3, 'solver_type': "
    "'heun', 'thresholding': true, 'trained_betas': null, 'use_exponential_sigmas': false, "
    "'use_karras_sigmas': true, 'variance_type': 'learned_range'}" },
  { "DPMSolverSDEScheduler",
    "{'_class_name': 'DPMSolverSDEScheduler', 'beta_end': 0.012, 'beta_schedule': 'linear', "
    "'beta_start': 0.00085, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', "
    "'steps_offset': 0, 'timestep_spacing': 'linspace', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': false}",
    "{'_class_name': 'DPMSolverSDEScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', 'steps_offset': "
    "1, 'timestep_spacing': 'trailing', 'trained_betas': null, 'use_exponential_sigmas': false, "
    "'use_karras_sigmas': true}" },
  { "KDPM2DiscreteScheduler",
    "{'_class_name': 'KDPM2DiscreteScheduler', 'beta_end': 0.012, 'beta_schedule': 'linear', "
    "'beta_start': 0.00085, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', "
    "'steps_offset': 0, 'timestep_spacing': 'linspace', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': false}",
    "{'_class_name': 'KDPM2DiscreteScheduler', 'beta_end': 0.5, 'beta_schedule': 'scaled_linear', "
    "'beta_start': 0.25, 'num_train_timesteps': 3, 'prediction_type': 'v_prediction', 'steps_offset': "
    "1, 'timestep_spacing': 'trailing', 'trained_betas': null, 'use_exponential_sigmas': false, "
    "'use_karras_sigmas': true}" },
  { "KDPM2AncestralDiscreteScheduler",
    "{'_class_name': 'KDPM2AncestralDiscreteScheduler', 'beta_end': 0.012, 'beta_schedule': 'linear', "
    "'beta_start': 0.00085, 'num_train_timesteps': 1000, 'prediction_type': 'epsilon', "
    "'steps_offset': 0, 'timestep_spacing': 'linspace', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': false}",
    "{'_class_name': 'KDPM2AncestralDiscreteScheduler', 'beta_end': 0.5, 'beta_schedule': "
    "'scaled_linear', 'beta_start': 0.25, 'num_train_timesteps': 3, 'prediction_type': "
    "'v_prediction', 'steps_offset': 1, 'timestep_spacing': 'trailing', 'trained_betas': null, "
    "'use_exponential_sigmas': false, 'use_karras_sigmas': true}" },
  { "IPNDMScheduler", "{'_class_name': 'IPNDMScheduler', 'num_train_timesteps': 1000, 'trained_betas': null}",
    "{'_class_name': 'IPNDMScheduler', 'num_train_timesteps': 3, 'trained_betas': [0.125, 0.5, 0.25]}" },
};

static void
test_classes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      g_autofree char *name_only = g_strdup_printf ("{'_class_name': '%s'}", classes[i].name);

      g_test_message ("%s", classes[i].name);
      assert_written (name_only, classes[i].usual);
      assert_written (classes[i].usual, classes[i].usual);
      assert_written (classes[i].other, classes[i].other);
    }
}

/* What its class has no use for, but another sampler has. */
static void
test_members_of_others (void)
{
  assert_written ("{'_class_name': 'EulerAncestralDiscreteScheduler', 'clip_sample': false, "
                  "'clip_sample_range': 1.0, 'variance_type': 'fixed_large', 'solver_order': 2}",
                  "{'_class_name': 'EulerAncestralDiscreteScheduler', 'beta_end': 0.02, "
                  "'beta_schedule': 'linear', 'beta_start': 0.0001, 'clip_sample': false, "
                  "'num_train_timesteps': 1000, 'prediction_type': 'epsilon', "
                  "'rescale_betas_zero_snr': false, 'steps_offset': 0, 'timestep_spacing': 'linspace', "
                  "'trained_betas': null, 'variance_type': 'fixed_large'}");
}

/* A list of betas that a training has put another schedule in the place of. */
static void
test_replaced_betas (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  read_scheduler (&config, "{\"num_train_timesteps\":2,\"trained_betas\":[0.5,0.25]}");
  config.beta_schedule = DDPM_BETAS_SQUAREDCOS_CAP_V2;
  node = ddpm_scheduler_config_to_json (&config);
  object = json_node_get_object (node);
  g_assert_true (json_object_get_null_member (object, "trained_betas"));
  g_assert_cmpstr (json_object_get_string_member (object, "beta_schedule"), ==, "squaredcos_cap_v2");
}

/* Diffusers would make other pictures with these than any sampler here. */
static void
test_unknown_levels (void)
{
  static const char *const refused[] = {
    "{'_class_name':'EulerDiscreteScheduler','use_beta_sigmas':true}",
    "{'_class_name':'EulerDiscreteScheduler','interpolation_type':'log_linear'}",
    "{'_class_name':'EulerDiscreteScheduler','timestep_type':'continuous'}",
    "{'_class_name':'EulerDiscreteScheduler','sigma_max':80.0}",
    "{'_class_name':'DPMSolverMultistepScheduler','use_lu_lambdas':true}",
    "{'_class_name':'UniPCMultistepScheduler','use_flow_sigmas':true}",
    "{'_class_name':'UniPCMultistepScheduler','solver_p':{'_class_name':'DEISMultistepScheduler'}}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *json = g_strdelimit (g_strdup (refused[i]), "'", '"');

      assert_refused (read_scheduler_node, json, DDPM_ERROR_UNSUPPORTED, "which no sampler here does; put ");
    }
  assert_written ("{'_class_name': 'IPNDMScheduler', 'use_beta_sigmas': false, 'sigma_min': null, "
                  "'timestep_type': 'discrete', 'interpolation_type': 'linear', 'use_lu_lambdas': null}",
                  "{'_class_name': 'IPNDMScheduler', 'num_train_timesteps': 1000, 'trained_betas': null}");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scheduler-config/read", test_read);
  g_test_add_func ("/scheduler-config/written", test_written);
  g_test_add_func ("/scheduler-config/classes", test_classes);
  g_test_add_func ("/scheduler-config/members-of-others", test_members_of_others);
  g_test_add_func ("/scheduler-config/replaced-betas", test_replaced_betas);
  g_test_add_func ("/scheduler-config/unknown-levels", test_unknown_levels);
  g_test_add_func ("/scheduler-config/bad", test_bad);
  g_test_add_func ("/scheduler-config/copy", test_copy);
  return g_test_run ();
}
