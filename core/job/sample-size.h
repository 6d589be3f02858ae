/* At what size the network sees a sampling job's pictures, and how results of the wanted size come of it.
 *
 * A job's tensors have the size of its canvas. The wanted picture is a part of it, or, with FIT, the whole
 * canvas scaled. Either the network sees the canvas whole, or through windows. Along an axis that wraps, the
 * canvas is as long as the picture and the network sees beyond its ends what is at the other one: by circular
 * padding where it sees that axis whole, by windows that go over the edge where it does not. */
#pragma once

#include "core/job/sample-job-private.h"

G_BEGIN_DECLS

/* Side of a model's pictures, in pixels, where its file does not say. */
#define DDPM_UNKNOWN_SIDE 64

/* Decides sizing, canvas and windows from the options; needs model, inputs, guided and fill. Errors:
 * DDPM_ERROR_USAGE. */
gboolean ddpm_sample_job_set_size (DdpmSampleJob *job, GError **error);

/* tensor[n_channels][height][width] of the job's canvas in [-1, 1] with a picture on it, at the wanted size,
 * mirrored at its edges where the canvas is larger. Caller frees. */
float *ddpm_sample_job_make_canvas (const DdpmSampleJob *job, const DdpmImage *picture);

/* All of a canvas as a picture. Caller frees. */
DdpmImage *ddpm_sample_job_make_whole (const DdpmSampleJob *job, const float *canvas);

/* The wanted picture from a canvas's tensor. Caller frees. */
DdpmImage *ddpm_sample_job_make_image (const DdpmSampleJob *job, const float *canvas);

/* The same for a preview: of a large picture smaller, at most DDPM_PREVIEW_MAX_SIDE pixels wide and high. */
DdpmImage *ddpm_sample_job_make_preview (const DdpmSampleJob *job, const float *canvas);

/* Bytes that making a picture of the job's takes for a while, and that one takes that is kept. */
gsize ddpm_sample_job_get_image_bytes (const DdpmSampleJob *job);

G_END_DECLS
