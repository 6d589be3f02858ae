/* One lock for everything but the reading itself. A picture that is being read is LOADING, and belongs to the
 * one who reads it; all others wait for the signal that something has changed. */
#include "core/data/picture-store.h"

#include "core/base/error.h"
#include "core/data/spill-file.h"

#define PASSING_SHARE 4 /* one in so many bytes of memory is for pictures on their way */

typedef enum
{
  HOME_MEMORY,
  HOME_FILE,
  HOME_NOWHERE
} Home;

typedef enum
{
  STATE_AWAY, /* not in memory */
  STATE_LOADING,
  STATE_READY,
  STATE_FAILED
} State;

typedef struct
{
  guint8 *values; /* READY */
  gsize n_bytes;
  guint64 offset; /* HOME_FILE */
  guint n_holds, n_expected;
  guint8 home, state;
  gboolean in_file;
} Picture;

struct _DdpmPictureStore
{
  DdpmPictureReadFunc read;
  gpointer user_data;
  DdpmSpillFile *file; /* NULL: none */
  gsize passing_most;  /* bytes of pictures without a place in memory that the thread may bring */
  gsize resident;      /* bytes of those that have one, when all of them are there */

  GMutex lock;
  GCond changed;
  GThread *thread; /* NULL until something is expected */
  gboolean quits;
  guint n_pictures;
  Picture *pictures;
  GHashTable *errors; /* index -> GError of FAILED ones */
  guint32 *queue;     /* [n_queue], `done` of them looked at */
  guint n_queue, done;
  gsize in_memory, passing, peak; /* bytes */
  guint64 file_bytes;
};

static void
settle (DdpmPictureStore *store, const gsize *n_bytes, const DdpmPictureStoreOptions *options)
{
  gsize total = 0, room = options->memory_bytes;
  guint64 file_room = 0, at = 0;

  for (guint i = 0; i < store->n_pictures; i++)
    total += n_bytes[i];
  if (total > room)
    {
      store->passing_most = room / PASSING_SHARE;
      room -= store->passing_most;
      if (options->folder != NULL)
        store->file = ddpm_spill_file_new (options->folder, total);
      if (store->file != NULL)
        file_room = ddpm_spill_file_get_most_bytes (store->file);
    }
  for (guint i = 0; i < store->n_pictures; i++)
    {
      Picture *picture = &store->pictures[i];

      picture->n_bytes = n_bytes[i];
      if (n_bytes[i] <= room - store->resident)
        {
          picture->home = HOME_MEMORY;
          store->resident += n_bytes[i];
        }
      else if (n_bytes[i] <= file_room - at)
        {
          picture->home = HOME_FILE;
          picture->offset = at;
          at += n_bytes[i];
        }
      else
        picture->home = HOME_NOWHERE;
    }
}

DdpmPictureStore *
ddpm_picture_store_new (guint n_pictures, const gsize *n_bytes, const DdpmPictureStoreOptions *options)
{
  DdpmPictureStore *store = g_new0 (DdpmPictureStore, 1);

  store->read = options->read;
  store->user_data = options->user_data;
  store->n_pictures = n_pictures;
  store->pictures = g_new0 (Picture, n_pictures);
  store->errors = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_error_free);
  g_mutex_init (&store->lock);
  g_cond_init (&store->changed);
  settle (store, n_bytes, options);
  return store;
}

void
ddpm_picture_store_free (DdpmPictureStore *store)
{
  if (store == NULL)
    return;
  g_mutex_lock (&store->lock);
  store->quits = TRUE;
  g_cond_broadcast (&store->changed);
  g_mutex_unlock (&store->lock);
  if (store->thread != NULL)
    g_thread_join (store->thread);
  for (guint i = 0; i < store->n_pictures; i++)
    g_free (store->pictures[i].values);
  g_free (store->pictures);
  g_free (store->queue);
  g_hash_table_unref (store->errors);
  ddpm_spill_file_free (store->file);
  g_cond_clear (&store->changed);
  g_mutex_clear (&store->lock);
  g_free (store);
}

/* With the lock held, as all that follow which say nothing else. */
static void
add_values (DdpmPictureStore *store, Picture *picture, guint8 *values)
{
  picture->values = values;
  picture->state = STATE_READY;
  store->in_memory += picture->n_bytes;
  store->peak = MAX (store->peak, store->in_memory);
  if (picture->home != HOME_MEMORY)
    store->passing += picture->n_bytes;
}

/* Lets go of values that are only passing and that nobody holds or, within the bound, waits for. */
static void
drop_if_done (DdpmPictureStore *store, Picture *picture)
{
  if (picture->state != STATE_READY || picture->home == HOME_MEMORY || picture->n_holds > 0
      || (picture->n_expected > 0 && store->passing <= store->passing_most))
    return;
  g_clear_pointer (&picture->values, g_free);
  picture->state = STATE_AWAY;
  store->in_memory -= picture->n_bytes;
  store->passing -= picture->n_bytes;
  g_cond_broadcast (&store->changed);
}

/* Without the lock, by the one who set it LOADING. */
static gboolean
read_values (DdpmPictureStore *store, guint index, guint8 *values, gboolean *written, GError **error)
{
  const Picture *picture = &store->pictures[index];

  *written = FALSE;
  if (values == NULL)
    return ddpm_refuse (error, DDPM_ERROR_MEMORY, "its %" G_GSIZE_FORMAT " bytes of values cannot be had",
                        picture->n_bytes);
  if (picture->in_file && ddpm_spill_file_read (store->file, picture->offset, values, picture->n_bytes))
    return TRUE;
  if (!store->read (index, values, store->user_data, error))
    return FALSE;
  *written = picture->home == HOME_FILE && !picture->in_file
             && ddpm_spill_file_write (store->file, picture->offset, values, picture->n_bytes);
  return TRUE;
}

/* Brings the values of a picture that is AWAY; gives the lock back meanwhile. */
static void
load (DdpmPictureStore *store, guint index)
{
  Picture *picture = &store->pictures[index];
  GError *error = NULL;
  guint8 *values = NULL;
  gboolean read, written;

  picture->state = STATE_LOADING;
  g_mutex_unlock (&store->lock);
  values = g_try_malloc (picture->n_bytes);
  read = read_values (store, index, values, &written, &error);
  g_mutex_lock (&store->lock);

  if (read)
    add_values (store, picture, values);
  else
    {
      g_free (values);
      picture->state = STATE_FAILED;
      g_hash_table_insert (store->errors, GUINT_TO_POINTER (index), error);
    }
  if (written)
    {
      picture->in_file = TRUE;
      store->file_bytes += picture->n_bytes;
    }
  g_cond_broadcast (&store->changed);
}

/* The next one of the queue that is not there yet, or n_pictures. */
static guint
find_work (DdpmPictureStore *store)
{
  for (; store->done < store->n_queue; store->done++)
    {
      const guint index = store->queue[store->done];
      const Picture *picture = &store->pictures[index];

      if (picture->state != STATE_AWAY || picture->n_expected == 0)
        continue;
      if (picture->home != HOME_MEMORY && store->passing + picture->n_bytes > store->passing_most)
        return store->n_pictures;
      store->done++;
      return index;
    }
  return store->n_pictures;
}

static gpointer
work (gpointer data)
{
  DdpmPictureStore *store = data;

  g_mutex_lock (&store->lock);
  while (!store->quits)
    {
      const guint index = find_work (store);

      if (index < store->n_pictures)
        {
          load (store, index);
          drop_if_done (store, &store->pictures[index]);
        }
      else
        g_cond_wait (&store->changed, &store->lock);
    }
  g_mutex_unlock (&store->lock);
  return NULL;
}

void
ddpm_picture_store_put (DdpmPictureStore *store, guint index, guint8 *values)
{
  Picture *picture = &store->pictures[index];

  g_mutex_lock (&store->lock);
  if (picture->state == STATE_AWAY)
    {
      if (picture->home == HOME_FILE && !picture->in_file
          && ddpm_spill_file_write (store->file, picture->offset, values, picture->n_bytes))
        {
          picture->in_file = TRUE;
          store->file_bytes += picture->n_bytes;
        }
      if (picture->home == HOME_MEMORY)
        add_values (store, picture, g_steal_pointer (&values));
    }
  g_mutex_unlock (&store->lock);
  g_free (values);
}

const guint8 *
ddpm_picture_store_hold (DdpmPictureStore *store, guint index, GError **error)
{
  Picture *picture = &store->pictures[index];
  const guint8 *values = NULL;

  g_mutex_lock (&store->lock);
  while (picture->state == STATE_AWAY || picture->state == STATE_LOADING)
    if (picture->state == STATE_AWAY)
      load (store, index);
    else
      g_cond_wait (&store->changed, &store->lock);
  if (picture->n_expected > 0)
    picture->n_expected--;
  if (picture->state == STATE_READY)
    {
      picture->n_holds++;
      values = picture->values;
    }
  else if (error != NULL)
    *error = g_error_copy (g_hash_table_lookup (store->errors, GUINT_TO_POINTER (index)));
  g_mutex_unlock (&store->lock);
  return values;
}

void
ddpm_picture_store_release (DdpmPictureStore *store, guint index)
{
  g_mutex_lock (&store->lock);
  store->pictures[index].n_holds--;
  drop_if_done (store, &store->pictures[index]);
  g_mutex_unlock (&store->lock);
}

void
ddpm_picture_store_expect (DdpmPictureStore *store, const guint32 *indices, guint n)
{
  g_autofree guint32 *old = NULL;
  guint n_old;

  g_mutex_lock (&store->lock);
  old = store->queue;
  n_old = store->n_queue;
  for (guint i = 0; i < n_old; i++)
    store->pictures[old[i]].n_expected = 0;
  store->queue = g_memdup2 (indices, n * sizeof *indices);
  store->n_queue = n;
  store->done = 0;
  for (guint i = 0; i < n; i++)
    store->pictures[indices[i]].n_expected++;
  for (guint i = 0; i < n_old; i++)
    drop_if_done (store, &store->pictures[old[i]]);
  if (store->thread == NULL && n > 0)
    store->thread = g_thread_try_new ("pictures", work, store, NULL); /* without one, nothing comes early */
  g_cond_broadcast (&store->changed);
  g_mutex_unlock (&store->lock);
}

gsize
ddpm_picture_store_get_peak_bytes (DdpmPictureStore *store)
{
  gsize bytes;

  g_mutex_lock (&store->lock);
  bytes = store->peak;
  g_mutex_unlock (&store->lock);
  return bytes;
}

guint64
ddpm_picture_store_get_file_bytes (DdpmPictureStore *store)
{
  guint64 bytes;

  g_mutex_lock (&store->lock);
  bytes = store->file_bytes;
  g_mutex_unlock (&store->lock);
  return bytes;
}

gsize
ddpm_picture_store_get_most_bytes (const DdpmPictureStore *store)
{
  return store->resident + store->passing_most;
}
