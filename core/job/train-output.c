#include "core/job/train-output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/job/train-stored.h"

/* Makes output/training and takes its lock, which the system gives back when this process ends, however it
 * does. */
static gboolean
lock_folder (DdpmTrainOutput *output, GError **error)
{
  GFile *folder = output->setup->options.output;
  g_autoptr (GFile) training = g_file_get_child (folder, "training");
  g_autofree char *name = g_file_get_parse_name (folder);
  g_autoptr (GError) local = NULL;

  if (g_file_peek_path (training) == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "%s is not a folder of this machine's file system; name another one with -o", name);
      return FALSE;
    }
  if (!g_file_make_directory_with_parents (training, NULL, &local)
      && !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "The folder %s cannot be made: %s", name,
                   local->message);
      return FALSE;
    }
  output->lock = open (g_file_peek_path (training), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (output->lock < 0)
    {
      const int code = errno;

      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "The folder %s cannot be used: %s", name,
                   g_strerror (code));
      return FALSE;
    }
  /* not every file system has locks */
  if (flock (output->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "Another training is writing to %s at this moment; wait for it or name another folder with -o",
               name);
  return FALSE;
}

/* Whether the checkpoint is still the one that was prepared for: another run may have gone on with it since.
 */
static gboolean
check_unchanged (const DdpmTrainOutput *output, GError **error)
{
  const DdpmTrainSlabs sizes = { .n = ddpm_unet_get_n_weights (output->setup->unet) };
  DdpmTrainCounters counters = { 0 };

  if (g_file_query_exists (output->state_file, NULL)
      && !ddpm_train_state_read (output->state_file, &counters, &sizes, error))
    return FALSE;
  if (counters.step == output->setup->first_step)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
               "Another training has gone on from this checkpoint meanwhile, to step %" G_GUINT64_FORMAT
               "; run the same command again",
               counters.step);
  return FALSE;
}

static gboolean
open_log (DdpmTrainOutput *output, guint64 last_step, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (output->setup->options.output, "train.csv");

  g_clear_pointer (&output->log, ddpm_train_log_free);
  output->log = ddpm_train_log_open (file, last_step, error);
  return output->log != NULL;
}

gboolean
ddpm_train_output_open (DdpmTrainOutput *output, const DdpmTrainSetup *setup, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;

  *output = (DdpmTrainOutput) {
    .setup = setup,
    .state_file = ddpm_train_get_state_file (options->output),
    .good_file = g_file_resolve_relative_path (options->output, "training/good.safetensors"),
    .lock = -1,
    .saved_step = setup->first_step,
    .saved_us = g_get_monotonic_time (),
  };
  if (!lock_folder (output, error))
    return FALSE;
  /* Looked at again under the lock. A resumed run may have other options, which are stored with its first
   * checkpoint. */
  if (options->resume
        ? !check_unchanged (output, error)
        : !ddpm_train_check_output (options->output, error) || !ddpm_train_output_store (output, error))
    return FALSE;
  return open_log (output, setup->first_step, error);
}

void
ddpm_train_output_clear (DdpmTrainOutput *output)
{
  g_clear_pointer (&output->log, ddpm_train_log_free);
  if (output->state_file != NULL && output->lock >= 0)
    close (output->lock);
  g_clear_object (&output->state_file);
  g_clear_object (&output->good_file);
}

gboolean
ddpm_train_output_store (DdpmTrainOutput *output, GError **error)
{
  if (!output->is_stored)
    output->is_stored = ddpm_train_stored_write (output->setup, error);
  return output->is_stored;
}

/* The state first: with it alone the run can be resumed, and the model be written again. */
gboolean
ddpm_train_output_save (DdpmTrainOutput *output, const DdpmTrainCounters *counters,
                        const DdpmTrainSlabs *slabs, GError **error)
{
  const DdpmTrainSetup *setup = output->setup;

  if (!ddpm_train_state_write (output->state_file, counters, slabs, error))
    {
      if (output->saved_step > 0)
        g_prefix_error (
          error, "The checkpoint of step %" G_GUINT64_FORMAT " is intact, and --resume goes on from it: ",
          output->saved_step);
      return FALSE;
    }
  output->saved_step = counters->step;
  if (!ddpm_train_output_store (output, error))
    return FALSE;
  if (!ddpm_model_save (setup->options.output, setup->unet, slabs->ema, &setup->scheduler, &setup->notes,
                        setup->options.dtype, error))
    {
      g_prefix_error (error,
                      "The checkpoint of step %" G_GUINT64_FORMAT
                      " is written, and --resume goes on from it, but the model beside it is not: ",
                      output->saved_step);
      return FALSE;
    }
  output->saved_us = g_get_monotonic_time ();
  return TRUE;
}

gboolean
ddpm_train_output_keep (DdpmTrainOutput *output, const DdpmTrainCounters *counters,
                        const DdpmTrainSlabs *slabs, GError **error)
{
  return ddpm_train_state_write (output->good_file, counters, slabs, error);
}

gboolean
ddpm_train_output_has_kept (const DdpmTrainOutput *output)
{
  return g_file_query_exists (output->good_file, NULL);
}

gboolean
ddpm_train_output_go_back (DdpmTrainOutput *output, DdpmTrainCounters *counters, const DdpmTrainSlabs *slabs,
                           GError **error)
{
  return ddpm_train_state_read (output->good_file, counters, slabs, error)
         && open_log (output, counters->step, error);
}
