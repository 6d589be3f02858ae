/* The values of many pictures, of which memory may hold only some at a time.
 *
 * Every picture has its place from the beginning: the first ones in memory as far as its bound goes, then in
 * a file (core/data/spill-file.h), the rest nowhere. It is decoded when it is first asked for, and after that
 * read from its place; one without a place is decoded again each time. Nothing is ever put out for another:
 * training visits all pictures equally often in random order, and then no choice of which ones stay is better
 * than any other.
 *
 * A thread works off what was announced as the next to be asked for, in that order, as far ahead as the bound
 * allows. Who asks for a picture that the thread has not begun with decodes it himself, so nobody waits for
 * another picture's turn. Values depend on the picture alone; what is ready when changes only how long one
 * waits. All functions may be called from any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _DdpmPictureStore DdpmPictureStore;

/* Fills in values[n_bytes] of a picture. Called from several threads at once, but not for the same picture.
 */
typedef gboolean (*DdpmPictureReadFunc) (guint index, guint8 *values, gpointer user_data, GError **error);

typedef struct
{
  gsize memory_bytes; /* for all values in memory; only what somebody holds may come on top */
  char *folder;       /* for the file; NULL: none. Borrowed */
  DdpmPictureReadFunc read;
  gpointer user_data;
} DdpmPictureStoreOptions;

/* n_bytes[n_pictures], above 0. Reads nothing yet. */
DdpmPictureStore *ddpm_picture_store_new (guint n_pictures, const gsize *n_bytes,
                                          const DdpmPictureStoreOptions *options);
void ddpm_picture_store_free (DdpmPictureStore *store); /* waits for the thread to finish its picture */

/* Values that are there already, taken over or freed. */
void ddpm_picture_store_put (DdpmPictureStore *store, guint index, guint8 *values);

/* A picture's values, until they are released; waits for them. NULL with the error of reading it, the same
 * each time. */
const guint8 *ddpm_picture_store_hold (DdpmPictureStore *store, guint index, GError **error);
void ddpm_picture_store_release (DdpmPictureStore *store, guint index);

/* The pictures that will be asked for next, in this order (one that will be twice, twice); what was announced
 * before and not asked for is forgotten. */
void ddpm_picture_store_expect (DdpmPictureStore *store, const guint32 *indices, guint n);

/* Bytes of values in memory at most so far, and in the file. */
gsize ddpm_picture_store_get_peak_bytes (DdpmPictureStore *store);
guint64 ddpm_picture_store_get_file_bytes (DdpmPictureStore *store);

/* What memory will hold at most, apart from what is held. */
gsize ddpm_picture_store_get_most_bytes (const DdpmPictureStore *store);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmPictureStore, ddpm_picture_store_free)

G_END_DECLS
