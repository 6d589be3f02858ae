/* How much memory there is, and how much is taken. */
#include "core/base/memory.h"

#include "core/base/arena.h"
#include "tests/unit/limit.h"

#define MEGABYTE (1 << 20)

/* What the machine has, or less where the process is held to less. */
static void
test_available (void)
{
  const guint64 unlimited = ddpm_memory_get_available_bytes ();
  guint64 limited;

  g_assert_cmpuint (unlimited, >, 0);
  limit_memory (8 * MEGABYTE);
  limited = ddpm_memory_get_available_bytes ();
  limit_memory (G_MAXUINT64);
  g_assert_cmpuint (limited, >, 0);
  g_assert_cmpuint (limited, <=, 8 * MEGABYTE);
  g_assert_cmpuint (ddpm_memory_get_available_bytes (), >, limited);
}

static void
test_used (void)
{
  const guint64 before = ddpm_memory_get_used_bytes ();
  const gsize size = 64 * MEGABYTE;
  DdpmArena arena;

  g_assert_cmpuint (before, >, 0);
  g_assert_true (ddpm_arena_init (&arena, size, NULL));
  for (gsize i = 0; i < size; i += 4096)
    ((guint8 *) arena.base)[i] = 1;
  g_assert_cmpuint (ddpm_memory_get_used_bytes (), >, before + size / 2);
  ddpm_arena_clear (&arena);
  g_assert_cmpuint (ddpm_memory_get_used_bytes (), <, before + size / 2);
  g_assert_cmpuint (ddpm_memory_get_peak_bytes (), >, before + size / 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory/available", test_available);
  g_test_add_func ("/memory/used", test_used);
  return g_test_run ();
}
