/* What the procedures can be told: each argument once, with its name in scripts and in the settings kept with
 * a layer, its words for people, its range, and where its value goes. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_ARGUMENT_TEXT,     /* char * */
  DDPM_ARGUMENT_WORD,     /* guint: its place among the words */
  DDPM_ARGUMENT_SWITCH,   /* gboolean */
  DDPM_ARGUMENT_INTEGER,  /* guint */
  DDPM_ARGUMENT_NUMBER,   /* double */
  DDPM_ARGUMENT_PER_CENT, /* double; 0 … 100 for people and scripts, 0 … 1 here and in settings */
} DdpmArgumentKind;

typedef struct
{
  const char *name;
  guint tasks; /* bit 1 << DdpmSampleTask: procedures that have it */
  DdpmArgumentKind kind;
  gsize offset;             /* in DdpmArguments */
  const char *label, *help; /* marked for translation */
  double initial, low, high;
  const char *word; /* the initial one, of texts and words */
  const char *const *(*get_words) (void);
} DdpmArgument;

/* In the order in which scripts and people see them; the last has no name. An argument whose words for people
 * differ between the tasks is there more than once. */
extern const DdpmArgument ddpm_argument_table[];

#define DDPM_HAS_ARGUMENT(argument, task) (((argument)->tasks & (1u << (task))) != 0)

G_END_DECLS
