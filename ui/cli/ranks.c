#include "ui/cli/ranks.h"

#include "ui/cli/ranks-mpi.h"

#define MODULE "ddpm-ranks-mpi." G_MODULE_SUFFIX

/* How many processes mpirun has started; Open MPI tells each of them in its environment. */
static guint64
count_processes (void)
{
  const char *text = g_getenv ("OMPI_COMM_WORLD_SIZE");
  guint64 n = 1;

  if (text != NULL)
    g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT, &n, NULL);
  return n;
}

/* The module, beside this program as it was built or where it was installed to; NULL: nowhere. */
static char *
find_module (void)
{
  static const char *const places[] = { ".", "../lib/gimp-ddpm" };
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = program != NULL ? g_path_get_dirname (program) : NULL;

  for (guint i = 0; folder != NULL && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], MODULE, NULL);

      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
  return NULL;
}

gboolean
ddpm_ranks_open (DdpmRanks **ranks, GError **error)
{
  const guint64 n_processes = count_processes ();
  g_autofree char *path = NULL;
  GModule *module;
  gpointer open = NULL;

  *ranks = NULL;
  if (n_processes < 2)
    return TRUE;
  path = find_module ();
  if (path == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
                   "mpirun has started %" G_GUINT64_FORMAT " processes, but this ddpm was built without MPI; "
                   "build it with -Dmpi=enabled, or start it without mpirun",
                   n_processes);
      return FALSE;
    }
  module = g_module_open (path, G_MODULE_BIND_LAZY);
  if (module == NULL || !g_module_symbol (module, DDPM_RANKS_MPI_OPEN, &open))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "MPI could not be loaded: %s; is Open MPI installed?", g_module_error ());
      return FALSE;
    }
  g_module_make_resident (module); /* threads of MPI's run in it */
  *ranks = ((DdpmRanksMpiOpenFunc) open) (error);
  return *ranks != NULL;
}
