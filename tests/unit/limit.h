/* A limit on this process's memory, for tests of what happens when there is little. */
#pragma once

#include <glib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The sanitizer's own stacks of threads that begin under a limit would have to fit into it, too. */
#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "detect_stack_use_after_return=0";
}
#endif

/* From now on the process can take that many bytes more than it has taken; G_MAXUINT64: as many as there are.
 */
static inline void
limit_memory (guint64 bytes)
{
  g_autofree char *text = NULL;
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_AS, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  if (bytes != G_MAXUINT64)
    {
      g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
      limit.rlim_cur = g_ascii_strtoull (text, NULL, 10) * getpagesize () + bytes;
    }
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
}
