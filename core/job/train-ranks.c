#include "core/job/train-ranks.h"

#include <string.h>
#include <unistd.h>

#include "core/base/error.h"

#define MESSAGE_BYTES 1000

void
ddpm_ranks_close (DdpmRanks *ranks)
{
  if (ranks != NULL)
    ranks->close (ranks);
}

gboolean
ddpm_ranks_is_first (const DdpmRanks *ranks)
{
  return ranks == NULL || ranks->rank == 0;
}

guint
ddpm_ranks_choose_n_threads (const DdpmRanks *ranks)
{
  const char *asked = g_getenv ("DDPM_THREADS");

  if (ranks == NULL || (asked != NULL && *asked != '\0'))
    return 0;
  /* whoever started the processes may have bound each to processors of its own: those are all it gets */
  return MIN (ddpm_team_choose_size (0),
              MAX (1, (guint) sysconf (_SC_NPROCESSORS_ONLN) / MAX (1, ranks->n_local)));
}

static void
get_share_of (guint64 rank, guint64 n_ranks, guint whole, guint *first, guint *size)
{
  *first = (guint) (rank * whole / n_ranks);
  *size = (guint) ((rank + 1) * whole / n_ranks) - *first;
}

void
ddpm_ranks_get_share (const DdpmRanks *ranks, guint whole, guint *first, guint *size)
{
  get_share_of (ranks != NULL ? ranks->rank : 0, ranks != NULL ? ranks->n_ranks : 1, whole, first, size);
}

/* --- agreement ----------------------------------------------------------------------------- */

typedef enum
{
  OUTCOME_WELL,
  OUTCOME_DDPM, /* an error of DDPM_ERROR … */
  OUTCOME_IO,   /* … of G_IO_ERROR … */
  OUTCOME_OTHER /* … or of another domain */
} OutcomeKind;

/* How a rank has fared, as a message to the others. */
typedef struct
{
  gint32 kind, code;
  char message[MESSAGE_BYTES];
} Outcome;

static void
set_outcome (Outcome *outcome, gboolean ok, const GError *error)
{
  memset (outcome, 0, sizeof *outcome);
  if (ok)
    return;
  outcome->kind = OUTCOME_OTHER;
  if (error == NULL)
    return;
  if (error->domain == DDPM_ERROR || error->domain == G_IO_ERROR)
    outcome->kind = error->domain == DDPM_ERROR ? OUTCOME_DDPM : OUTCOME_IO;
  outcome->code = error->code;
  g_strlcpy (outcome->message, error->message, sizeof outcome->message);
}

static GError *
get_error (const Outcome *outcome, const DdpmRanks *ranks, guint rank)
{
  const GQuark domain = outcome->kind == OUTCOME_DDPM ? DDPM_ERROR : G_IO_ERROR;
  const gint code = outcome->kind == OUTCOME_OTHER ? G_IO_ERROR_FAILED : outcome->code;
  g_autofree char *message = g_utf8_make_valid (outcome->message, -1); /* it may have been cut */

  return g_error_new (domain, code, "In process %u of %u: %s", rank + 1, ranks->n_ranks, message);
}

gboolean
ddpm_ranks_agree (DdpmRanks *ranks, gboolean ok, GCancellable *cancellable, GError **error)
{
  g_autofree Outcome *all = NULL;
  g_autoptr (GError) lost = NULL, theirs = NULL;
  Outcome mine;
  guint first = 0;

  if (ranks == NULL)
    return ok;
  all = g_new (Outcome, ranks->n_ranks);
  set_outcome (&mine, ok, error != NULL ? *error : NULL);
  if (!ranks->exchange (ranks, &mine, all, sizeof mine, cancellable, &lost))
    {
      if (ok)
        g_propagate_error (error, g_steal_pointer (&lost));
      return FALSE;
    }
  while (first < ranks->n_ranks && all[first].kind == OUTCOME_WELL)
    first++;
  if (first == ranks->n_ranks)
    return TRUE;
  if (first == ranks->rank)
    return FALSE;
  g_clear_error (error);
  g_propagate_error (error, get_error (&all[first], ranks, first));
  return FALSE;
}

gboolean
ddpm_ranks_gather (DdpmRanks *ranks, double *values, guint n, GCancellable *cancellable, GError **error)
{
  g_autofree double *all = NULL;

  if (ranks == NULL)
    return TRUE;
  all = g_new (double, (gsize) ranks->n_ranks *n);
  if (!ranks->exchange (ranks, values, all, n * sizeof (double), cancellable, error))
    return FALSE;
  for (guint rank = 0, first, size; rank < ranks->n_ranks; rank++)
    {
      get_share_of (rank, ranks->n_ranks, n, &first, &size);
      memcpy (values + first, all + (gsize) rank * n + first, size * sizeof (double));
    }
  return TRUE;
}

/* 64 bits that any change of the data changes: the multiplier is odd, so that a step loses nothing. */
static guint64
hash (const guint8 *data, gsize n_bytes)
{
  guint64 sum = n_bytes;

  for (; n_bytes >= sizeof (guint64); n_bytes -= sizeof (guint64), data += sizeof (guint64))
    {
      guint64 word;

      memcpy (&word, data, sizeof word);
      sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
      sum ^= sum >> 32;
    }
  for (; n_bytes > 0; n_bytes--, data++)
    sum = (sum ^ *data) * 0x9E3779B97F4A7C15u;
  return sum;
}

gboolean
ddpm_ranks_check_same (DdpmRanks *ranks, const char *sentence, const void *data, gsize n_bytes,
                       GCancellable *cancellable, GError **error)
{
  g_autofree guint64 *all = NULL;
  guint64 mine;

  if (ranks == NULL)
    return TRUE;
  all = g_new (guint64, ranks->n_ranks);
  mine = hash (data, n_bytes);
  if (!ranks->exchange (ranks, &mine, all, sizeof mine, cancellable, error))
    return FALSE;
  for (guint rank = 1; rank < ranks->n_ranks; rank++)
    if (all[rank] != all[0])
      {
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC, "Process %u of %u has %s", rank + 1,
                     ranks->n_ranks, sentence);
        return FALSE;
      }
  return TRUE;
}

/* --- sums ---------------------------------------------------------------------------------- */

static gsize
count_buckets (const DdpmRankSums *sums)
{
  return (sums->n + sums->bucket - 1) / sums->bucket;
}

/* Floats of a bucket; the last one may have fewer. */
static gsize
get_bucket_size (const DdpmRankSums *sums, gsize number)
{
  return MIN (sums->bucket, sums->n - number * sums->bucket);
}

void
ddpm_rank_sums_init (DdpmRankSums *sums, DdpmRanks *ranks, float *grads, gsize n, gsize bucket)
{
  *sums = (DdpmRankSums) { .ranks = ranks, .grads = grads, .n = n, .bucket = bucket };
  sums->n_missing = g_new0 (gsize, count_buckets (sums));
}

void
ddpm_rank_sums_clear (DdpmRankSums *sums)
{
  g_clear_pointer (&sums->n_missing, g_free);
}

void
ddpm_rank_sums_begin (DdpmRankSums *sums)
{
  for (gsize i = 0; i < count_buckets (sums); i++)
    sums->n_missing[i] = get_bucket_size (sums, i);
}

void
ddpm_rank_sums_take (const DdpmParam *param, gpointer user_data)
{
  DdpmRankSums *sums = user_data;
  const gsize end = param->offset + param->n_values;

  for (gsize place = param->offset; place < end;)
    {
      const gsize number = place / sums->bucket, first = number * sums->bucket;
      const gsize next = MIN (end, first + sums->bucket);

      sums->n_missing[number] -= next - place;
      if (sums->n_missing[number] == 0)
        sums->ranks->begin_sum (sums->ranks, sums->grads + first, get_bucket_size (sums, number));
      place = next;
    }
}
