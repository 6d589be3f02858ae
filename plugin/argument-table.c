#include "plugin/argument-table.h"

#include <glib/gi18n.h>

#include "plugin/arguments.h"

/* More than any model has timesteps; how many this one has, the job checks. */
#define MAX_STEPS 1000000

#define GENERATE (1u << DDPM_TASK_GENERATE)
#define VARY (1u << DDPM_TASK_VARY)
#define INTERPOLATE (1u << DDPM_TASK_INTERPOLATE)
#define FILL (1u << DDPM_TASK_FILL)
#define PROGRESSIVE (1u << DDPM_TASK_PROGRESSIVE)
#define ALL (GENERATE | VARY | INTERPOLATE | FILL | PROGRESSIVE)

#define AT(member) G_STRUCT_OFFSET (DdpmArguments, member)

static const char *const *
get_samplers (void)
{
  static const char *words[DDPM_SAMPLER_N_KINDS + 2] = { DDPM_SAMPLER_AUTO };
  static gsize ready = 0;

  if (g_once_init_enter (&ready))
    {
      const char *const *names = ddpm_sampler_get_names ();

      for (guint i = 0; i < DDPM_SAMPLER_N_KINDS; i++)
        words[i + 1] = names[i];
      g_once_init_leave (&ready, 1);
    }
  return words;
}

static const char *const *
get_spacings (void)
{
  return ddpm_sampler_spacing_names;
}

static const char *const *
get_sigmas (void)
{
  return ddpm_sampler_sigmas_names;
}

static const char *const *
get_methods (void)
{
  return ddpm_interpolation_names;
}

static const char *const *
get_sizings (void)
{
  return ddpm_sizing_names;
}

static const char *const *
get_seams (void)
{
  return ddpm_seamless_names;
}

const DdpmArgument ddpm_argument_table[] = {
  { "model", ALL, DDPM_ARGUMENT_TEXT, AT (model), N_ ("_Model"),
    N_ ("Name of an installed model, or the path of a model folder; empty: the default model"), .word = "" },
  { "label", GENERATE | PROGRESSIVE, DDPM_ARGUMENT_TEXT, AT (label), N_ ("La_bel"),
    N_ ("What the pictures show, one of the model's labels; any: drawn for each picture; empty or none: no "
        "label in particular"),
    .word = DDPM_LABEL_ANY },
  { "label", VARY | INTERPOLATE | FILL, DDPM_ARGUMENT_TEXT, AT (label), N_ ("La_bel"),
    N_ ("What the pictures show, one of the model's labels; any: drawn for each picture; empty or none: no "
        "label in particular"),
    .word = "" },
  { "guidance", ALL, DDPM_ARGUMENT_NUMBER, AT (guidance), N_ ("G_uidance"),
    N_ ("How much the label counts, 0 to 100: 1 as it is, 2 or 3 clearer, in twice the time"), 1, 0,
    DDPM_MAX_GUIDANCE },
  { "count", GENERATE | VARY, DDPM_ARGUMENT_INTEGER, AT (count), N_ ("_Number of pictures"),
    N_ ("How many new layers to make, 1 to 1000"), 4, 1, DDPM_MAX_COUNT },
  { "count", INTERPOLATE, DDPM_ARGUMENT_INTEGER, AT (count), N_ ("_Number of in-betweens"),
    N_ ("How many new layers to make, 1 to 1000"), 4, 1, DDPM_MAX_COUNT },
  { "count", PROGRESSIVE, DDPM_ARGUMENT_INTEGER, AT (count), N_ ("_Number of pictures"),
    N_ ("How many new layers to make, 1 to 1000"), 8, 1, DDPM_MAX_COUNT },
  { "count", FILL, DDPM_ARGUMENT_INTEGER, AT (count), N_ ("_Number of fills"),
    N_ ("How many new layers to make, 1 to 1000"), 1, 1, DDPM_MAX_COUNT },
  { "width", GENERATE | PROGRESSIVE, DDPM_ARGUMENT_INTEGER, AT (width), N_ ("Wid_th (0: the model's)"),
    N_ ("Pixels of the new pictures; 0: the model's own width"), 0, 0, DDPM_IMAGE_MAX_SIDE },
  { "height", GENERATE | PROGRESSIVE, DDPM_ARGUMENT_INTEGER, AT (height), N_ ("He_ight (0: the model's)"),
    N_ ("Pixels of the new pictures; 0: the model's own height"), 0, 0, DDPM_IMAGE_MAX_SIDE },
  { "sizing", ALL, DDPM_ARGUMENT_WORD, AT (sizing), N_ ("Si_zing"),
    N_ ("What the model sees of pictures of other sizes than its own: direct, all at once; windows, "
        "overlapping parts, with all details; fit, the picture scaled to its size; auto, what suits best"),
    .word = "auto", .get_words = get_sizings },
  { "seamless", GENERATE | VARY | PROGRESSIVE, DDPM_ARGUMENT_WORD, AT (seamless), N_ ("Tiles se_amlessly"),
    N_ (
      "Whether the pictures can be laid like tiles: side by side (x), one above the other (y), both, or none "
      "of it"),
    .word = "none", .get_words = get_seams },
  { "strength", VARY | INTERPOLATE, DDPM_ARGUMENT_PER_CENT, AT (strength), N_ ("S_trength (%)"),
    N_ ("How much is made anew, 0 to 100: 0 keeps the layer as it is, 100 keeps nothing of it"), 50, 0, 100 },
  { "ladder-to", VARY, DDPM_ARGUMENT_PER_CENT, AT (ladder_to), N_ ("Ladder _goes to (%)"),
    N_ ("The last variation's strength, 0 to 100; the others are spread evenly from the strength to it. "
        "-1: all have the same strength"),
    -1, -1, 100 },
  { "method", INTERPOLATE, DDPM_ARGUMENT_WORD, AT (method), N_ ("Mi_xed by"),
    N_ ("noise: both layers get the same noise and are mixed; latent: both are inverted to noise, which is "
        "mixed, so that the in-betweens begin and end with the layers whatever the strength"),
    .word = "noise", .get_words = get_methods },
  { "resamplings", FILL, DDPM_ARGUMENT_INTEGER, AT (resamplings), N_ ("Resamplin_gs"),
    N_ ("How often the steps are gone through, back and forth, 1 to 100: more fit better and take longer"), 5,
    1, DDPM_MAX_RESAMPLINGS },
  { "shared", PROGRESSIVE, DDPM_ARGUMENT_PER_CENT, AT (shared), N_ ("_Joint noise from 100 down to (%)"),
    N_ ("100: the estimates of one picture. Less, to 0: that many pictures whose noise is the same from the "
        "first step down to this part of the steps; takes a sampler that adds noise"),
    100, 0, 100 },
  { "seed", ALL, DDPM_ARGUMENT_INTEGER, AT (seed), N_ ("See_d"),
    N_ ("The same seed with the same settings makes the same pictures, 0 to 2147483647"), 0, 0,
    DDPM_MAX_SEED },
  { "sampler", ALL, DDPM_ARGUMENT_WORD, AT (sampler), N_ ("Sam_pler"),
    N_ ("How noise becomes a picture: ddpm adds fresh noise at each step and needs many; ddim makes good "
        "pictures in few; auto is what the model recommends"),
    .word = DDPM_SAMPLER_AUTO, .get_words = get_samplers },
  { "steps", ALL, DDPM_ARGUMENT_INTEGER, AT (steps), N_ ("St_eps (0: as recommended)"),
    N_ ("More steps take longer and make better pictures, up to a point; 0: as many as the model "
        "recommends"),
    0, 0, MAX_STEPS },
  { "spacing", ALL, DDPM_ARGUMENT_WORD, AT (spacing), N_ ("Timestep la_yout"),
    N_ ("Which of the model's timesteps the steps are: leading, trailing or linspace; auto is what the "
        "model's scheduler says"),
    .word = "auto", .get_words = get_spacings },
  { "sigmas", ALL, DDPM_ARGUMENT_WORD, AT (sigmas), N_ ("Noise le_vels"),
    N_ ("plain: those of the timesteps; karras or exponential, which ddpm, ddim and pndm do not know; auto "
        "is what the model's scheduler says"),
    .word = "auto", .get_words = get_sigmas },
  { "eta", ALL, DDPM_ARGUMENT_NUMBER, AT (eta), N_ ("_Fresh noise (eta)"),
    N_ ("DDIM only: how much fresh noise each step adds, 0 to 1"), 0, 0, 1 },
  { "visible", VARY, DDPM_ARGUMENT_SWITCH, AT (visible), N_ ("All v_isible layers"),
    N_ ("Begin with what is seen of the image instead of the active layer") },
  { "new-image", GENERATE | PROGRESSIVE, DDPM_ARGUMENT_SWITCH, AT (new_image), N_ ("As an e_xtra image"),
    N_ ("The pictures become layers of a new image of their size") },
  { NULL },
};
