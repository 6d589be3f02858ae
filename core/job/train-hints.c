#include "core/job/train-hints.h"

#include "core/data/folder.h"
#include "core/data/image-probe.h"
#include "core/data/labels.h"
#include "core/data/seams.h"

#define LEAST_LABEL_PICTURES 10 /* as --min-label-pictures */
#define LEAST_LABELS 2

/* So many pictures are looked at, spread over all of them; larger ones are no textures to lay. */
#define LOOKED_AT 32
#define LARGEST_TEXTURE (2048 * 2048) /* pixels */
#define LEAST_MEETING 0.5             /* of those looked at */
#define MOST_BROKEN 0.25

#define MOST_MODELS 4

static char **
find_labels (const DdpmTrainSetup *setup)
{
  char **names = ddpm_labels_find ((const char *const *) setup->dataset->paths, LEAST_LABEL_PICTURES);

  if (g_strv_length (names) < LEAST_LABELS)
    g_clear_pointer (&names, g_strfreev);
  return names;
}

static DdpmSeams
look_at (const DdpmTrainSetup *setup, guint index)
{
  g_autoptr (GFile) file = ddpm_folder_get_file (setup->options.pictures, setup->dataset->paths[index]);
  g_autoptr (DdpmImage) image = NULL;
  DdpmImageHeader header;

  if (!ddpm_image_probe (file, &header) || (guint64) header.width * header.height > LARGEST_TEXTURE)
    return DDPM_SEAMS_BROKEN;
  image = ddpm_image_load (file, NULL);
  return image != NULL ? ddpm_image_get_seams (image) : DDPM_SEAMS_BROKEN;
}

/* Most folders are no textures, and the first few pictures show it. */
static gboolean
edges_meet (const DdpmTrainSetup *setup)
{
  const guint n_pictures = setup->dataset->n_pictures, n = MIN (n_pictures, LOOKED_AT);
  guint n_broken = 0, n_meeting = 0;

  for (guint i = 0; i < n && n_broken <= MOST_BROKEN * n; i++)
    {
      const DdpmSeams seams = look_at (setup, (guint) ((guint64) i * n_pictures / n));

      n_broken += seams == DDPM_SEAMS_BROKEN;
      n_meeting += seams == DDPM_SEAMS_MEET;
    }
  return n_broken <= MOST_BROKEN * n && n_meeting >= LEAST_MEETING * n;
}

/* Names of models that paint pictures of the same channels. */
static char **
find_models (const DdpmTrainSetup *setup)
{
  g_auto (GStrv) names = ddpm_model_list (NULL);
  g_autoptr (GStrvBuilder) fitting = g_strv_builder_new ();
  guint n = 0;

  for (guint i = 0; names[i] != NULL && n < MOST_MODELS; i++)
    {
      g_autoptr (GFile) folder = ddpm_model_find (names[i], NULL, NULL);
      g_autoptr (DdpmModel) model = folder != NULL ? ddpm_model_open_header (folder, NULL) : NULL;

      if (model == NULL || ddpm_unet_get_config (model->unet)->in_channels != setup->dataset->n_channels)
        continue;
      g_strv_builder_add (fitting, names[i]);
      n++;
    }
  return n > 0 ? g_strv_builder_end (fitting) : NULL;
}

void
ddpm_train_hints_find (DdpmTrainSetup *setup)
{
  const DdpmTrainOptions *options = &setup->options;

  if (!options->labels)
    setup->hints.labels = find_labels (setup);
  if (!options->tileable)
    setup->hints.edges_meet = edges_meet (setup);
  if (options->from == NULL)
    setup->hints.models = find_models (setup);
}

void
ddpm_train_hints_clear (DdpmTrainHints *hints)
{
  g_clear_pointer (&hints->labels, g_strfreev);
  g_clear_pointer (&hints->models, g_strfreev);
}
