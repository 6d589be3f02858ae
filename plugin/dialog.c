#include "plugin/dialog.h"

#include <glib/gi18n.h>

#include "plugin/dialog-settings.h"
#include "plugin/dialog-window.h"

/* What the person at the dialog wants of the run under way. */
typedef enum
{
  WISH_ALL,  /* all its pictures */
  WISH_STOP, /* what there is when the step under way is done */
  WISH_KEEP, /* what is finished already */
  WISH_DROP, /* nothing, but other settings */
  WISH_CLOSE /* nothing, and no dialog either */
} Wish;

typedef enum
{
  OUTCOME_INSERTED,
  OUTCOME_CLOSED,
  OUTCOME_STAY
} Outcome;

/* A frame of the screen: what is finished in between is seen in the next one. */
#define UPDATE_INTERVAL_ms 16
/* Settings that change in quick succession, as a slider's, are looked at once. */
#define PLAN_DELAY_ms 150

typedef struct
{
  GimpProcedureConfig *config;
  const DdpmDialogCalls *calls;
  DdpmWindow *window;

  DdpmModel *model; /* the header of the chosen one, or NULL */
  char *model_name; /* as config has it */
  guint plan_source;
  GThread *estimator;     /* at most one, for as long as a tenth of a second */
  DdpmSampleJob *planned; /* what it is about */
  double seconds;         /* what it found */

  DdpmRun *run; /* under way, or one whose pictures could not be inserted yet; or NULL */
  GMainLoop *loop;
  Wish wish;
  DdpmRunState shown; /* of the run, in the window */
} Dialog;

static void
end_estimate (Dialog *dialog)
{
  if (dialog->estimator == NULL)
    return;
  g_clear_pointer (&dialog->estimator, g_thread_join);
  g_idle_remove_by_data (dialog);
  g_clear_object (&dialog->planned);
}

static gboolean
show_estimate (gpointer user_data)
{
  Dialog *dialog = user_data;

  ddpm_window_show_plan (dialog->window, ddpm_sample_job_predict_bytes (dialog->planned), dialog->seconds);
  g_clear_pointer (&dialog->estimator, g_thread_join);
  g_clear_object (&dialog->planned);
  return G_SOURCE_REMOVE;
}

static gpointer
estimate (gpointer user_data)
{
  Dialog *dialog = user_data;

  dialog->seconds = ddpm_sample_job_estimate_seconds (dialog->planned);
  g_idle_add (show_estimate, dialog);
  return NULL;
}

static void
open_model (Dialog *dialog)
{
  g_autofree char *chosen = NULL, *name = NULL;
  g_autoptr (GFile) folder = NULL;

  g_object_get (dialog->config, "model", &chosen, NULL);
  name =
    chosen != NULL && chosen[0] != '\0' ? g_steal_pointer (&chosen) : ddpm_arguments_get_default_model ();
  if (dialog->model_name != NULL && g_strcmp0 (name, dialog->model_name) == 0)
    return;
  end_estimate (dialog);
  g_free (dialog->model_name);
  dialog->model_name = g_steal_pointer (&name);
  g_clear_pointer (&dialog->model, ddpm_model_free);
  /* the chooser says what is wrong with one that cannot be opened */
  folder = dialog->model_name != NULL ? ddpm_model_find (dialog->model_name, NULL, NULL) : NULL;
  dialog->model = folder != NULL ? ddpm_model_open_header (folder, NULL) : NULL;
  ddpm_settings_set_model (ddpm_window_get_settings (dialog->window), dialog->model);
}

/* What a run with these settings would take, or what is wrong with them; the time comes a little later. */
static void
show_plan (Dialog *dialog)
{
  g_autoptr (GError) error = NULL;

  end_estimate (dialog);
  if (dialog->model == NULL)
    {
      ddpm_window_show_warning (dialog->window, "");
      return;
    }
  dialog->planned = dialog->calls->plan (dialog->calls->data, dialog->model, &error);
  if (dialog->planned == NULL)
    {
      ddpm_window_show_warning (dialog->window, error->message);
      return;
    }
  ddpm_window_show_plan (dialog->window, ddpm_sample_job_predict_bytes (dialog->planned), -1);
  dialog->estimator = g_thread_new ("ddpm-estimate", estimate, dialog);
}

static void
show_empty_tiles (Dialog *dialog)
{
  int count;

  g_object_get (dialog->config, "count", &count, NULL);
  ddpm_window_set_count (dialog->window, CLAMP (count, 0, DDPM_MAX_COUNT));
}

static gboolean
update_plan (gpointer user_data)
{
  Dialog *dialog = user_data;

  dialog->plan_source = 0;
  if (dialog->loop != NULL)
    return G_SOURCE_REMOVE;
  show_plan (dialog);
  /* pictures that wait to be inserted stay to be seen */
  if (dialog->run == NULL)
    show_empty_tiles (dialog);
  return G_SOURCE_REMOVE;
}

static void
settings_changed (GimpProcedureConfig *config, GParamSpec *pspec, Dialog *dialog)
{
  if (g_str_has_suffix (pspec->name, "seed"))
    return;
  if (g_str_equal (pspec->name, "model"))
    open_model (dialog);
  if (dialog->plan_source == 0)
    dialog->plan_source = g_timeout_add (PLAN_DELAY_ms, update_plan, dialog);
}

static void
take_pictures (Dialog *dialog, const DdpmRunState *state)
{
  for (guint i = 0; i < state->count; i++)
    {
      g_autoptr (DdpmImage) picture = ddpm_run_take_picture (dialog->run, i);

      if (picture != NULL)
        ddpm_window_show_picture (dialog->window, i, picture);
    }
}

static gboolean
look_at_run (gpointer user_data)
{
  Dialog *dialog = user_data;
  const DdpmRunState state = ddpm_run_get_state (dialog->run);

  take_pictures (dialog, &state);
  if (dialog->wish == WISH_ALL && (state.step != dialog->shown.step || state.total != dialog->shown.total))
    ddpm_window_show_progress (dialog->window, &state);
  dialog->shown = state;
  if (state.ended)
    g_main_loop_quit (dialog->loop);
  return G_SOURCE_CONTINUE;
}

/* The first wish counts, but a dialog can always be closed. */
static void
wish (Dialog *dialog, Wish what)
{
  if (dialog->wish != WISH_ALL && what != WISH_CLOSE)
    return;
  dialog->wish = what;
  if (what == WISH_STOP)
    ddpm_run_stop_here (dialog->run);
  else
    ddpm_run_cancel (dialog->run);
  ddpm_window_show_ending (dialog->window, what == WISH_CLOSE);
}

/* While a run is under way. */
static void
respond (GtkDialog *widget, int response, Dialog *dialog)
{
  switch (response)
    {
    case GTK_RESPONSE_CANCEL:
      wish (dialog, WISH_DROP);
      break;
    case DDPM_RESPONSE_STOP:
      wish (dialog, WISH_STOP);
      break;
    case DDPM_RESPONSE_KEEP:
      wish (dialog, WISH_KEEP);
      break;
    case GTK_RESPONSE_DELETE_EVENT:
      wish (dialog, WISH_CLOSE);
      break;
    default:
      break;
    }
}

/* Escape, which GTK takes for the window's close button. */
static void
escape (GtkDialog *widget, Dialog *dialog)
{
  g_signal_stop_emission_by_name (widget, "close");
  wish (dialog, WISH_DROP);
}

static gboolean
close_window (GtkWidget *widget, GdkEvent *event, Dialog *dialog)
{
  wish (dialog, WISH_CLOSE);
  return GDK_EVENT_STOP;
}

/* Returns when the run has ended. */
static void
live (Dialog *dialog)
{
  GtkWidget *widget = ddpm_window_get_dialog (dialog->window);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint timeout;

  dialog->loop = loop;
  dialog->wish = WISH_ALL;
  dialog->shown = (DdpmRunState) { 0 };
  ddpm_window_set_running (dialog->window, TRUE);
  g_signal_connect (widget, "response", G_CALLBACK (respond), dialog);
  g_signal_connect (widget, "close", G_CALLBACK (escape), dialog);
  g_signal_connect (widget, "delete-event", G_CALLBACK (close_window), dialog);
  timeout = g_timeout_add (UPDATE_INTERVAL_ms, look_at_run, dialog);

  g_main_loop_run (loop);

  g_source_remove (timeout);
  g_signal_handlers_disconnect_by_data (widget, dialog);
  ddpm_window_set_running (dialog->window, FALSE);
  dialog->loop = NULL;
}

/* The pictures of the run, if there are any; they are kept until they are where they belong. */
static Outcome
insert (Dialog *dialog)
{
  g_autoptr (GError) error = NULL;

  if (dialog->calls->insert (dialog->calls->data, dialog->run, &error))
    return OUTCOME_INSERTED;
  ddpm_window_show_error (dialog->window, error->message);
  ddpm_window_set_keepable (dialog->window, TRUE);
  return OUTCOME_STAY;
}

static void
drop_run (Dialog *dialog)
{
  g_clear_pointer (&dialog->run, ddpm_run_free);
  ddpm_window_set_keepable (dialog->window, FALSE);
}

static Outcome
make_pictures (Dialog *dialog)
{
  g_autoptr (GError) error = NULL;

  ddpm_window_show_error (dialog->window, NULL);
  drop_run (dialog);
  show_empty_tiles (dialog);
  dialog->run = dialog->calls->start (dialog->calls->data, TRUE, &error);
  if (dialog->run == NULL)
    {
      ddpm_window_show_error (dialog->window, error->message);
      return OUTCOME_STAY;
    }

  live (dialog);
  if (dialog->wish == WISH_CLOSE)
    return OUTCOME_CLOSED;
  if (ddpm_run_finish (dialog->run, &error)
      || (dialog->wish == WISH_KEEP && ddpm_run_get_n_pictures (dialog->run) > 0))
    return insert (dialog);

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    ddpm_window_show_error (dialog->window, error->message);
  if (dialog->wish != WISH_DROP && ddpm_run_get_n_pictures (dialog->run) > 0)
    {
      ddpm_window_set_keepable (dialog->window, TRUE);
      return OUTCOME_STAY;
    }
  drop_run (dialog);
  update_plan (dialog);
  return OUTCOME_STAY;
}

static Outcome
serve (Dialog *dialog)
{
  for (;;)
    {
      Outcome outcome = OUTCOME_CLOSED;

      switch (ddpm_window_run (dialog->window))
        {
        case GTK_RESPONSE_OK:
          outcome = make_pictures (dialog);
          break;
        case DDPM_RESPONSE_KEEP:
          outcome = insert (dialog);
          break;
        default:
          break;
        }
      if (outcome != OUTCOME_STAY)
        return outcome;
    }
}

gboolean
ddpm_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, const DdpmProcedure *info,
                 const DdpmDialogCalls *calls)
{
  Dialog dialog = { .config = config, .calls = calls };
  Outcome outcome;

  gimp_ui_init ("gimp-ddpm");
  dialog.window = ddpm_window_new (procedure, config, _ (info->title), _ (info->ok_label));
  open_model (&dialog);
  update_plan (&dialog);
  g_signal_connect (config, "notify", G_CALLBACK (settings_changed), &dialog);

  outcome = serve (&dialog);

  g_signal_handlers_disconnect_by_data (config, &dialog);
  g_clear_handle_id (&dialog.plan_source, g_source_remove);
  end_estimate (&dialog);
  ddpm_window_free (dialog.window);
  g_clear_pointer (&dialog.run, ddpm_run_free);
  g_clear_pointer (&dialog.model, ddpm_model_free);
  g_free (dialog.model_name);
  return outcome == OUTCOME_INSERTED;
}
