/* What a model's folder tells a person at a glance: a small picture, and the first words of its card. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct
{
  GdkPixbuf *thumbnail; /* no side over the size asked for; NULL: there is none */
  char *line;           /* plain text without an end mark; NULL: there is no card */
} DdpmModelCard;

/* From ddpm.json, the picture that it names, and README.md. What is missing or damaged is left out: a model
 * works without. */
DdpmModelCard ddpm_model_card_read (GFile *folder, int thumbnail_size_px);
void ddpm_model_card_clear (DdpmModelCard *card);

/* The first sentence of a card in Markdown, up to its colon; headings, pictures and what stands in front of
 * the card are passed over. NULL: there is none. Caller frees. */
char *ddpm_model_card_get_line (const char *markdown);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmModelCard, ddpm_model_card_clear)

G_END_DECLS
