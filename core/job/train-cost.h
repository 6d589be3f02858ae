/* What a training takes in time: its steps, and what comes between them. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Seconds from step `first` to step `last`, with the samples and the loss on held out pictures that follow
 * the steps after `first`, and the decoding of pictures that were not decoded yet; 0: the speed is not known.
 * setup->options has nothing open. */
double ddpm_train_predict_seconds (const DdpmTrainSetup *setup, guint64 first, guint64 last);

/* Steps that can be made in so many seconds, options.steps being open; at least 1. setup->pictures_per_s is
 * known. */
guint64 ddpm_train_predict_steps (const DdpmTrainSetup *setup, double seconds);

G_END_DECLS
