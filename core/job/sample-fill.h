/* A fill's pictures: pieces of the user's picture with what lies around them, brought to the network's size,
 * and what the network makes of them brought back.
 *
 * Each piece of the mask is the middle of a view: a rectangle of the picture in the shape of the network's
 * pictures. Where a view sticks out of the picture nothing is known; what is made there is thrown away. */
#pragma once

#include "core/job/sample-pieces.h"

G_BEGIN_DECLS

typedef struct _DdpmSampleFill DdpmSampleFill;

/* input is borrowed. mask: as in DdpmSampleOptions, copied; NULL: the transparent parts of the input. width
 * and height: of the pictures that the network was trained on. Errors: DDPM_ERROR_USAGE (nothing to fill,
 * another size). */
DdpmSampleFill *ddpm_sample_fill_new (const DdpmImage *input, const DdpmImage *mask, guint width,
                                      guint height, GError **error);
void ddpm_sample_fill_free (DdpmSampleFill *fill);

guint ddpm_sample_fill_get_n_pieces (const DdpmSampleFill *fill);

/* How many pixels of the picture would go into one of the network's for the largest piece, scaled. */
double ddpm_sample_fill_get_scale (const DdpmSampleFill *fill);

/* The size of all views that are not scaled: the largest piece and as much again around it on each side, but
 * not less than the network's pictures, nor more than there is. */
void ddpm_sample_fill_get_native_size (const DdpmSampleFill *fill, guint *width, guint *height);

/* The size of the tensors that views become, scaled to it or as they are. To be said once, before what
 * follows. */
void ddpm_sample_fill_set_canvas (DdpmSampleFill *fill, guint width, guint height, gboolean scaled);

/* Bytes of `count` results, and what a piece takes for a while on its way to the network and back, at most.
 */
gsize ddpm_sample_fill_predict_bytes (const DdpmSampleFill *fill, guint count);

/* known[n_channels][height][width] in [-1, 1], what there is around a piece, and mask[height][width] of it, 1
 * where nothing is known. Any pixel of the network's that something unknown has a part in is unknown. */
void ddpm_sample_fill_get_view (const DdpmSampleFill *fill, guint piece, guint n_channels,
                                gboolean premultiplied, float *known, float *mask);

/* A copy of the input that can take what a network of n_channels makes: in colour if one of them is, with
 * alpha if one of them has it. Caller frees. */
DdpmImage *ddpm_sample_fill_copy_input (const DdpmSampleFill *fill, guint n_channels);

/* Blends what was `made` of a piece into such a copy, by the mask. Where it is 0 nothing changes. Where the
 * network has no alpha that of the picture stays, but if transparent parts are what is filled: these become
 * opaque. */
void ddpm_sample_fill_paste (const DdpmSampleFill *fill, guint piece, const DdpmImage *made,
                             DdpmImage *picture);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSampleFill, ddpm_sample_fill_free)

G_END_DECLS
