/* What the module for MPI gives to the command. */
#pragma once

#include <gmodule.h>

#include "core/ddpm.h"

G_BEGIN_DECLS

/* One of the ranks that mpirun has started. Close it with ddpm_ranks_close. Errors: G_IO_ERROR_FAILED. */
typedef DdpmRanks *(*DdpmRanksMpiOpenFunc) (GError **error);

#define DDPM_RANKS_MPI_OPEN "ddpm_ranks_mpi_open"

DdpmRanks *ddpm_ranks_mpi_open (GError **error);

G_END_DECLS
