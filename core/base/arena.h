/* One block of memory for one job, its size known before the job starts. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gpointer base; /* aligned to 64 bytes, zero-filled; pages are taken when first touched */
  gsize size_bytes;
} DdpmArena;

/* Errors: DDPM_ERROR_MEMORY, with a sentence that says how much was asked for. */
gboolean ddpm_arena_init (DdpmArena *arena, gsize size_bytes, GError **error);
void ddpm_arena_clear (DdpmArena *arena);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmArena, ddpm_arena_clear)

G_END_DECLS
