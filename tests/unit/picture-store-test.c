/* The store of pictures' values: how much it holds, in what order it works, and that everybody gets the right
 * values, whoever asks for what at the same time. */
#include "core/data/picture-store.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "tests/unit/scratch.h"

#define N_PICTURES 50
#define BROKEN 13 /* cannot be read */

typedef struct
{
  GMutex lock;
  GCond changed;
  guint n_reads[N_PICTURES];
  GArray *order;    /* guint: what was read */
  gboolean is_open; /* readers wait for it */
  gboolean reading[N_PICTURES];
} Source;

static gsize
get_size (guint index)
{
  return 1000 + 10 * index;
}

static guint8
get_byte (guint index, gsize place)
{
  return (guint8) (31 * index + 7 * place + place / 256);
}

static gboolean
read_picture (guint index, guint8 *values, gpointer user_data, GError **error)
{
  Source *source = user_data;

  g_mutex_lock (&source->lock);
  g_assert_false (source->reading[index]);
  source->reading[index] = TRUE;
  source->n_reads[index]++;
  g_array_append_val (source->order, index);
  g_cond_broadcast (&source->changed);
  while (!source->is_open)
    g_cond_wait (&source->changed, &source->lock);
  g_mutex_unlock (&source->lock);

  for (gsize i = 0; i < get_size (index); i++)
    values[i] = get_byte (index, i);

  g_mutex_lock (&source->lock);
  source->reading[index] = FALSE;
  g_mutex_unlock (&source->lock);
  return index != BROKEN || ddpm_refuse (error, DDPM_ERROR_FILE, "broken on purpose");
}

static void
source_init (Source *source)
{
  memset (source, 0, sizeof *source);
  g_mutex_init (&source->lock);
  g_cond_init (&source->changed);
  source->order = g_array_new (FALSE, FALSE, sizeof (guint));
  source->is_open = TRUE;
}

static void
source_clear (Source *source)
{
  g_array_unref (source->order);
  g_mutex_clear (&source->lock);
  g_cond_clear (&source->changed);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

static DdpmPictureStore *
new_store (Source *source, gsize memory_bytes, char *folder)
{
  const DdpmPictureStoreOptions options = { memory_bytes, folder, read_picture, source };
  gsize sizes[N_PICTURES];

  for (guint i = 0; i < N_PICTURES; i++)
    sizes[i] = get_size (i);
  return ddpm_picture_store_new (N_PICTURES, sizes, &options);
}

static void
assert_held (DdpmPictureStore *store, guint index)
{
  g_autoptr (GError) error = NULL;
  const guint8 *values = ddpm_picture_store_hold (store, index, &error);

  if (index == BROKEN)
    {
      g_assert_null (values);
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
      g_assert_cmpstr (error->message, ==, "broken on purpose");
      return;
    }
  g_assert_no_error (error);
  for (gsize i = 0; i < get_size (index); i++)
    g_assert_cmpuint (values[i], ==, get_byte (index, i));
  ddpm_picture_store_release (store, index);
}

static gsize
get_total (void)
{
  gsize total = 0;

  for (guint i = 0; i < N_PICTURES; i++)
    total += get_size (i);
  return total;
}

/* ---- how much ---- */

/* Everything fits: each is read once. With a file: each once, too. With neither: those without a place each
 * time. Memory never holds more than it may and what is held. */
static void
test_places (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *folder = g_build_filename (scratch, "cache", "deeper", NULL);
  const struct
  {
    gsize memory_bytes;
    char *folder;
  } cases[] = { { get_total (), NULL }, { get_total (), folder },
                { 20000, folder },      { 20000, NULL },
                { 1, folder },          { 1, NULL } };

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++)
    {
      const gboolean all = cases[k].memory_bytes == get_total ();
      g_auto (Source) source = { 0 };
      guint n_again = 0;

      source_init (&source);
      g_autoptr (DdpmPictureStore) store = new_store (&source, cases[k].memory_bytes, cases[k].folder);
      g_assert_cmpuint (ddpm_picture_store_get_most_bytes (store), <=, cases[k].memory_bytes);
      for (guint round = 0; round < 3; round++)
        for (guint i = 0; i < N_PICTURES; i++)
          assert_held (store, (i * 17 + round) % N_PICTURES);
      g_assert_cmpuint (ddpm_picture_store_get_peak_bytes (store), <=,
                        cases[k].memory_bytes + get_size (N_PICTURES - 1));
      for (guint i = 0; i < N_PICTURES; i++)
        if (i == BROKEN)
          g_assert_cmpuint (source.n_reads[i], ==, 1);
        else if (source.n_reads[i] == 3)
          n_again++;
        else
          g_assert_cmpuint (source.n_reads[i], ==, 1);
      if (all || cases[k].folder != NULL)
        g_assert_cmpuint (n_again, ==, 0);
      else
        g_assert_cmpuint (n_again, >=, cases[k].memory_bytes == 1 ? 49 : 30);
      g_assert_cmpint (ddpm_picture_store_get_file_bytes (store) > 0, ==, !all && cases[k].folder != NULL);
      if (cases[k].memory_bytes == 20000)
        g_assert_cmpuint (ddpm_picture_store_get_peak_bytes (store), >, 14000);
    }
}

/* Nothing of it can be seen while it is in use, or after that. */
static void
test_file_has_no_name (void)
{
  g_auto (Source) source = { 0 };
  g_autoptr (Scratch) scratch = scratch_new ();

  source_init (&source);
  g_autoptr (DdpmPictureStore) store = new_store (&source, 1, scratch);
  assert_held (store, 1);
  g_assert_cmpuint (ddpm_picture_store_get_file_bytes (store), ==, get_size (1));
  g_autoptr (GDir) entries = g_dir_open (scratch, 0, NULL);
  g_assert_null (g_dir_read_name (entries));
}

/* Where the folder cannot be made, there is no file, and no harm. */
static void
test_no_folder (void)
{
  g_auto (Source) source = { 0 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *folder = g_build_filename (scratch, "file", "cache", NULL);

  scratch_write (scratch, "file", "x", 1);
  source_init (&source);
  g_autoptr (DdpmPictureStore) store = new_store (&source, 1, folder);
  assert_held (store, 1);
  assert_held (store, 1);
  g_assert_cmpuint (source.n_reads[1], ==, 2);
}

static void
test_put (void)
{
  g_auto (Source) source = { 0 };
  g_autoptr (Scratch) scratch = scratch_new ();

  source_init (&source);
  g_autoptr (DdpmPictureStore) store = new_store (&source, 20000, scratch);
  for (guint i = 0; i < N_PICTURES; i++)
    {
      guint8 *values = g_malloc (get_size (i));

      for (gsize v = 0; v < get_size (i); v++)
        values[v] = get_byte (i, v);
      if (i != BROKEN)
        ddpm_picture_store_put (store, i, values);
      else
        g_free (values);
    }
  for (guint i = 0; i < N_PICTURES; i++)
    assert_held (store, i);
  g_assert_cmpuint (source.order->len, ==, 1);
}

/* ---- when ---- */

static void
wait_for_reads (Source *source, guint n)
{
  g_mutex_lock (&source->lock);
  while (source->order->len < n)
    g_cond_wait (&source->changed, &source->lock);
  g_mutex_unlock (&source->lock);
}

static void
set_open (Source *source, gboolean is_open)
{
  g_mutex_lock (&source->lock);
  source->is_open = is_open;
  g_cond_broadcast (&source->changed);
  g_mutex_unlock (&source->lock);
}

/* What is expected comes in that order, without being asked for; twice expected, it is brought once. */
static void
test_order (void)
{
  static const guint32 expected[] = { 40, 3, 40, 22, 5, 41 };
  static const guint order[] = { 40, 3, 22, 5, 41 };
  g_auto (Source) source = { 0 };

  source_init (&source);
  g_autoptr (DdpmPictureStore) store = new_store (&source, 40000, NULL);
  ddpm_picture_store_expect (store, expected, G_N_ELEMENTS (expected));
  wait_for_reads (&source, G_N_ELEMENTS (order));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    assert_held (store, expected[i]);
  g_assert_cmpmem (source.order->data, source.order->len * sizeof (guint), order, sizeof order);
}

/* Bound to so much, the thread stops, and goes on as pictures are done with; what is no longer expected makes
 * room at once. */
static void
test_bound (void)
{
  static const guint32 expected[] = { 45, 46, 47, 48, 49 }, others[] = { 44, 43 };
  g_auto (Source) source = { 0 };

  source_init (&source);
  /* a quarter of it is for pictures that have no place: three of these */
  g_autoptr (DdpmPictureStore) store = new_store (&source, 4 * 3 * 1500, NULL);
  ddpm_picture_store_expect (store, expected, G_N_ELEMENTS (expected));
  wait_for_reads (&source, 3);
  g_usleep (20000); /* would be enough for a thread that does not stop */
  g_assert_cmpuint (source.order->len, ==, 3);
  assert_held (store, 45);
  wait_for_reads (&source, 4);
  g_usleep (20000);
  g_assert_cmpuint (source.order->len, ==, 4);
  ddpm_picture_store_expect (store, others, G_N_ELEMENTS (others));
  wait_for_reads (&source, 6);
  g_assert_cmpuint (ddpm_picture_store_get_peak_bytes (store), <=, 3 * 1500);
  for (guint i = 0; i < 2; i++)
    assert_held (store, others[i]);
  g_assert_cmpuint (source.order->len, ==, 6);
}

static gpointer
hold_one (gpointer store)
{
  assert_held (store, 7);
  return NULL;
}

/* Who asks for what is being read waits for that; what the thread has not begun with comes at once. */
static void
test_waiting (void)
{
  static const guint32 expected[] = { 7, 8 };
  g_auto (Source) source = { 0 };
  GThread *threads[3];

  source_init (&source);
  source.is_open = FALSE;
  g_autoptr (DdpmPictureStore) store = new_store (&source, 1, NULL);
  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new (NULL, hold_one, store);
  wait_for_reads (&source, 1);
  g_assert_cmpuint (source.n_reads[7], ==, 1);
  ddpm_picture_store_expect (store, expected, 2);
  set_open (&source, TRUE);
  assert_held (store, 8);
  for (guint i = 0; i < 3; i++)
    g_thread_join (threads[i]);
}

/* A store goes while its thread is at work. */
static void
test_freeing (void)
{
  guint32 expected[N_PICTURES];

  for (guint i = 0; i < N_PICTURES; i++)
    expected[i] = i;
  for (guint i = 0; i < 20; i++)
    {
      g_auto (Source) source = { 0 };

      source_init (&source);
      g_autoptr (DdpmPictureStore) store = new_store (&source, get_total (), NULL);
      ddpm_picture_store_expect (store, expected, N_PICTURES);
      wait_for_reads (&source, i);
    }
}

/* ---- all at once ---- */

#define N_ACCESSES 1000

typedef struct
{
  DdpmPictureStore *store;
  guint32 accesses[N_ACCESSES];
} Stress;

static void
access_store (guint task, guint worker, gpointer data)
{
  Stress *stress = data;

  assert_held (stress->store, stress->accesses[task]);
  if (task % 7 == 0)
    ddpm_picture_store_expect (stress->store, stress->accesses + task, MIN (20, N_ACCESSES - task));
}

static void
test_stress (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmTeam) team = ddpm_team_new (4);
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  static const gsize bounds[] = { 1, 5000, 20000, 60000, 1000000 };

  for (guint k = 0; k < 2 * G_N_ELEMENTS (bounds); k++)
    {
      const gsize bound = bounds[k / 2];
      g_auto (Source) source = { 0 };
      Stress stress;

      source_init (&source);
      g_autoptr (DdpmPictureStore) store = new_store (&source, bound, k % 2 == 0 ? scratch : NULL);
      stress.store = store;
      for (guint i = 0; i < N_ACCESSES; i++)
        stress.accesses[i] = (guint32) g_rand_int_range (rand, 0, N_PICTURES);
      ddpm_team_run (team, N_ACCESSES, access_store, &stress);
      ddpm_picture_store_expect (store, NULL, 0);
      /* four hold one each, the thread may bring another */
      g_assert_cmpuint (ddpm_picture_store_get_peak_bytes (store), <=, bound + 5 * get_size (N_PICTURES - 1));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/picture-store/places", test_places);
  g_test_add_func ("/picture-store/file-has-no-name", test_file_has_no_name);
  g_test_add_func ("/picture-store/no-folder", test_no_folder);
  g_test_add_func ("/picture-store/put", test_put);
  g_test_add_func ("/picture-store/order", test_order);
  g_test_add_func ("/picture-store/bound", test_bound);
  g_test_add_func ("/picture-store/waiting", test_waiting);
  g_test_add_func ("/picture-store/freeing", test_freeing);
  g_test_add_func ("/picture-store/stress", test_stress);
  return g_test_run ();
}
