#include "tests/golden/check.h"

#include <math.h>

#include "core/base/error.h"

void
check_result_clear (CheckResult *result)
{
  g_clear_pointer (&result->what, g_free);
  g_clear_pointer (&result->digest, g_checksum_free);
}

double
check_max_difference (const float *actual, const float *expected, gsize n)
{
  double largest = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double difference = fabs ((double) actual[i] - (double) expected[i]);

      if (!isfinite (difference))
        return INFINITY;
      largest = MAX (largest, difference);
    }
  return largest;
}

double
check_max_abs (const float *values, gsize n)
{
  double largest = 0;

  for (gsize i = 0; i < n; i++)
    largest = MAX (largest, fabs ((double) values[i]));
  return largest;
}

void
check_add (CheckResult *result, const char *what, double error, double tolerance)
{
  if (result->what != NULL && error / tolerance <= result->error / result->tolerance)
    return;
  g_free (result->what);
  result->what = g_strdup (what);
  result->error = error;
  result->tolerance = tolerance;
}

void
check_compare (CheckResult *result, const char *what, const float *actual, const float *expected, gsize n,
               double tolerance)
{
  if (result->digest == NULL)
    result->digest = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (result->digest, (const guchar *) actual, n * sizeof (float));
  check_add (result, what, check_max_difference (actual, expected, n), tolerance);
}

gboolean
check_result_passes (const CheckResult *result)
{
  return result->what != NULL && result->error <= result->tolerance;
}

void
check_array_clear (CheckArray *array)
{
  g_clear_pointer (&array->values, g_free);
}

gboolean
check_array_read (const DdpmSafetensors *file, const char *name, guint n_dims, CheckArray *array,
                  GError **error)
{
  const DdpmTensor *tensor = ddpm_safetensors_find (file, name);

  if (tensor == NULL || (n_dims > 0 && tensor->n_dims != n_dims))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   tensor == NULL ? "there is no tensor \"%s\""
                                  : "the tensor \"%s\" does not have %u dimensions",
                   name, n_dims);
      return FALSE;
    }
  check_array_clear (array);
  array->n_dims = tensor->n_dims;
  for (guint i = 0; i < tensor->n_dims; i++)
    array->shape[i] = tensor->shape[i];
  array->n_values = tensor->n_values;
  array->values = g_new (float, tensor->n_values);
  ddpm_tensor_to_float (tensor, array->values);
  return TRUE;
}

gboolean
check_array_has (const CheckArray *array, const char *name, gsize n_values, GError **error)
{
  if (array->n_values == n_values)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
               "\"%s\" has %" G_GSIZE_FORMAT " values, not %" G_GSIZE_FORMAT, name, array->n_values,
               n_values);
  return FALSE;
}

gboolean
check_timesteps (const DdpmSampler *sampler, const CheckArray *expected, GError **error)
{
  guint n;
  const float *timesteps = ddpm_sampler_get_timesteps (sampler, &n);

  if (!check_array_has (expected, "timesteps", n, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (fabsf (timesteps[i] - expected->values[i]) > (rintf (timesteps[i]) == timesteps[i] ? 0 : 2e-3f))
      {
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC, "timestep number %u is %g, not %g", i,
                     timesteps[i], expected->values[i]);
        return FALSE;
      }
  return TRUE;
}

double
check_json_double (JsonObject *object, const char *key, double otherwise)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_double (node) : otherwise;
}

gboolean
check_json_boolean (JsonObject *object, const char *key, gboolean otherwise)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_boolean (node) : otherwise;
}
