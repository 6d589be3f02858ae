#include "core/base/memory.h"

#include <string.h>
#include <sys/resource.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* The number that follows the word at the beginning of a line; `otherwise` where there is none. */
static guint64
find_number (const char *file, const char *word, guint64 otherwise)
{
  g_autofree char *text = NULL;
  const gsize length = strlen (word);

  if (!g_file_get_contents (file, &text, NULL, NULL))
    return otherwise;
  for (const char *line = text; line != NULL; line = strchr (line, '\n'))
    {
      line += *line == '\n';
      if (strncmp (line, word, length) == 0 && g_ascii_isspace (line[length]))
        return g_ascii_strtoull (line + length, NULL, 10);
    }
  return otherwise;
}

static guint64
get_free_on_machine (void)
{
  const guint64 available = find_number ("/proc/meminfo", "MemAvailable:", G_MAXUINT64);

  return available == G_MAXUINT64 ? available
                                  : (available + find_number ("/proc/meminfo", "SwapFree:", 0)) * 1024;
}

/* The number that is all of a control group's file; "max" and a file that is not there are no limit. */
static guint64
read_group_number (const char *group, const char *name)
{
  g_autofree char *file = g_build_filename (CGROUP_ROOT, group, name, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (file, &text, NULL, NULL) || !g_ascii_isdigit (text[0]))
    return G_MAXUINT64;
  return g_ascii_strtoull (text, NULL, 10);
}

/* What the page cache takes of a group's limit is given back when memory is needed. */
static guint64
get_free_in_group (const char *group)
{
  const guint64 limit = read_group_number (group, "memory.max");
  const guint64 used = read_group_number (group, "memory.current");
  g_autofree char *stat = g_build_filename (CGROUP_ROOT, group, "memory.stat", NULL);
  guint64 cache;

  if (limit == G_MAXUINT64 || used == G_MAXUINT64)
    return G_MAXUINT64;
  cache = find_number (stat, "inactive_file", 0);
  return limit - MIN (limit, used - MIN (used, cache));
}

/* Control groups, version 2, as containers and services have them: a group's limit holds for all inside it.
 */
static guint64
get_free_in_groups (void)
{
  g_autofree char *text = NULL, *group = NULL;
  guint64 least = G_MAXUINT64;

  if (!g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL) || !g_str_has_prefix (text, "0::/"))
    return G_MAXUINT64;
  group = g_strndup (text + 3, strcspn (text + 3, "\n"));
  while (group[0] != '\0')
    {
      least = MIN (least, get_free_in_group (group));
      *strrchr (group, '/') = '\0';
    }
  return MIN (least, get_free_in_group (""));
}

/* Within ulimit -v. */
static guint64
get_free_addresses (void)
{
  const guint64 used = find_number ("/proc/self/status", "VmSize:", 0) * 1024;
  struct rlimit limit;

  if (getrlimit (RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return G_MAXUINT64;
  return limit.rlim_cur - MIN (limit.rlim_cur, used);
}

guint64
ddpm_memory_get_available_bytes (void)
{
  return MIN (MIN (get_free_on_machine (), get_free_in_groups ()), get_free_addresses ());
}

guint64
ddpm_memory_get_used_bytes (void)
{
  return find_number ("/proc/self/status", "VmRSS:", 0) * 1024;
}

guint64
ddpm_memory_get_peak_bytes (void)
{
  return find_number ("/proc/self/status", "VmHWM:", 0) * 1024;
}
