/* What the checks of golden-check share. A check compares what the library computes with what a case's files
 * say, one array at a time, and keeps the comparison that came closest to its tolerance or went furthest
 * beyond it. */
#pragma once

#include "core/base/parallel.h"
#include "core/diffusion/sampler.h"
#include "core/model/safetensors.h"
#include "core/nn/unet.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *what; /* name of the array compared; NULL: nothing was */
  double error, tolerance;
  GChecksum *digest; /* of all that was computed, to the bit; NULL: nothing yet */
} CheckResult;

void check_result_clear (CheckResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CheckResult, check_result_clear)

/* Largest |actual - expected| of n values; infinite when a value is not finite. */
double check_max_difference (const float *actual, const float *expected, gsize n);
double check_max_abs (const float *values, gsize n);

void check_add (CheckResult *result, const char *what, double error, double tolerance);
void check_compare (CheckResult *result, const char *what, const float *actual, const float *expected,
                    gsize n, double tolerance);

/* TRUE when the comparison it holds is within its tolerance. */
gboolean check_result_passes (const CheckResult *result);

/* A tensor of a file as floats. */
typedef struct
{
  guint n_dims;
  gsize shape[DDPM_TENSOR_MAX_DIMS];
  gsize n_values;
  float *values;
} CheckArray;

void check_array_clear (CheckArray *array);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CheckArray, check_array_clear)

/* FALSE with an error unless the file has a tensor of that name with n_dims dimensions (0: any number). */
gboolean check_array_read (const DdpmSafetensors *file, const char *name, guint n_dims, CheckArray *array,
                           GError **error);

/* FALSE with an error unless the array has as many values as expected. */
gboolean check_array_has (const CheckArray *array, const char *name, gsize n_values, GError **error);

/* FALSE with an error unless the sampler visits exactly these timesteps. */
gboolean check_timesteps (const DdpmSampler *sampler, const CheckArray *expected, GError **error);

/* Members of a JSON object that may be missing or null. */
double check_json_double (JsonObject *object, const char *key, double otherwise);
gboolean check_json_boolean (JsonObject *object, const char *key, gboolean otherwise);

/* Each runs one case. FALSE with an error when it could not be run: DDPM_ERROR_UNSUPPORTED means that the
 * library does not do what the case is about, anything else is a failure. */
gboolean check_unet (GFile *folder, DdpmTeam *team, CheckResult *result, GError **error);
gboolean check_pipeline (GFile *folder, DdpmTeam *team, CheckResult *result, GError **error);

/* Called once for every case in a schedulers.json. */
typedef void (*CheckCaseFunc) (const char *name, const CheckResult *result, const GError *error,
                               gpointer data);

/* All cases of folder/schedulers.json with folder/schedulers.safetensors. FALSE with an error if they cannot
 * be read. */
gboolean check_schedulers (GFile *folder, CheckCaseFunc func, gpointer data, GError **error);

/* One entry of "trajectories". */
gboolean check_trajectory (JsonObject *trajectory, const DdpmSafetensors *file, CheckResult *result,
                           GError **error);

G_END_DECLS
