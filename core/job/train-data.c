#include "core/job/train-data.h"

#include "core/base/error.h"
#include "core/data/labels.h"
#include "core/job/train-held-out.h"

gboolean
ddpm_train_data_load (DdpmTrainSetup *setup, guint multiple, DdpmPixels pixels,
                      const DdpmTrainReading *reading, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  const DdpmFitKind kind = options->tileable    ? options->crop != 0 ? DDPM_FIT_TILE_PARTS : DDPM_FIT_TILE
                           : options->crop != 0 ? DDPM_FIT_PARTS
                                                : DDPM_FIT_MIDDLE;
  const DdpmDatasetOptions reading_options = {
    .fit = { kind, options->width, options->height, options->crop },
    .multiple = multiple,
    .pixels = pixels,
    .headers_only = options->quick_scan,
    .memory_bytes = options->cache_memory * 1000000,
    .n_sharing = options->ranks != NULL ? options->ranks->n_local : 1,
  };

  setup->dataset = ddpm_dataset_load (options->pictures, &reading_options, reading->func, reading->user_data,
                                      reading->cancellable, error);
  if (setup->dataset == NULL)
    {
      /* a size that was chosen is wrong for nothing else */
      if (error != NULL && g_error_matches (*error, DDPM_ERROR, DDPM_ERROR_USAGE))
        g_prefix_error (error, options->width == 0 ? "--crop: " : "--size: ");
      return FALSE;
    }
  if (options->rotate && setup->dataset->width != setup->dataset->height)
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      "--rotate turns pictures by quarters, which only square ones can be, not those of %ux%u; "
      "leave it out or choose a square --size",
      setup->dataset->width, setup->dataset->height);
  return TRUE;
}

gboolean
ddpm_train_data_find_labels (DdpmTrainSetup *setup, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  g_auto (GStrv) names = NULL;

  if (!options->labels)
    return TRUE;
  names = ddpm_labels_find ((const char *const *) setup->dataset->paths, options->min_label_pictures);
  if (names[0] == NULL)
    {
      g_autofree char *folder = g_file_get_parse_name (options->pictures);

      return ddpm_refuse (
        error, DDPM_ERROR_USAGE,
        "--labels: no folder in %s holds %u pictures or more; put the pictures of each label into "
        "a folder of its name, or lower --min-label-pictures",
        folder, options->min_label_pictures);
    }
  setup->config.class_embed = DDPM_CLASS_EMBED_TABLE;
  setup->config.num_class_embeds = g_strv_length (names) + 1;
  g_strfreev (setup->notes.labels);
  setup->notes.labels = g_steal_pointer (&names);
  return TRUE;
}

DdpmPixels
ddpm_train_get_pixels (guint n_channels)
{
  return n_channels == 1 ? DDPM_PIXELS_GREY : n_channels == 3 ? DDPM_PIXELS_RGB : DDPM_PIXELS_RGBA;
}

void
ddpm_train_data_complete (DdpmTrainSetup *setup)
{
  const DdpmDataset *dataset = setup->dataset;

  setup->fingerprint = dataset->fingerprint;
  ddpm_train_held_out_choose (setup);
  if (setup->n_held_out > 0)
    setup->fingerprint =
      ddpm_dataset_extend_fingerprint (setup->fingerprint, setup->held_out, setup->n_held_out);
  if (!setup->options.labels)
    return;
  setup->labels =
    ddpm_labels_assign ((const char *const *) dataset->paths, (const char *const *) setup->notes.labels);
  setup->fingerprint =
    ddpm_dataset_extend_fingerprint (setup->fingerprint, setup->labels, dataset->n_pictures);
}
