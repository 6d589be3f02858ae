/* Training in the processes that mpirun has started. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

/* *ranks: this process's, to be closed with ddpm_ranks_close; NULL where mpirun has not started it, or it
 * alone. Errors: DDPM_ERROR_UNSUPPORTED where the module for MPI is missing, G_IO_ERROR_FAILED. */
gboolean ddpm_ranks_open (DdpmRanks **ranks, GError **error);

G_END_DECLS
