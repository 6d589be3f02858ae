/* Labels of pictures: the first folder on the way to each, "Bricks" for "Bricks/red/03.png". */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The folders that hold at least least_pictures, sorted; NULL-terminated, caller frees. paths: of pictures,
 * relative, as the file system encodes names. */
char **ddpm_labels_find (const char *const *paths, guint least_pictures);

/* For each path the place of its label in `names`, or the number of names where it has none of them. Caller
 * frees. */
guint32 *ddpm_labels_assign (const char *const *paths, const char *const *names);

G_END_DECLS
