#include "ui/gtk/model-card.h"

#include <string.h>

#include "core/ddpm.h"

#define MAX_LINE_CHARS 160
/* More than that of a card nobody needs for its first sentence. */
#define MAX_CARD_BYTES ((gsize) 1 << 20)
/* A larger one is none: a model's folder is not to be trusted. */
#define MAX_THUMBNAIL_px 4096

/* Never the whole disk: a name, no path. */
static gboolean
is_plain_name (const char *name)
{
  return name[0] != '\0' && name[0] != '.' && strpbrk (name, "/\\") == NULL;
}

static GdkPixbuf *
load_thumbnail (GFile *folder, int size_px)
{
  g_autoptr (GFile) notes_file = g_file_get_child (folder, "ddpm.json");
  g_autoptr (JsonNode) node = ddpm_json_read (notes_file, NULL);
  g_auto (DdpmModelNotes) notes = { 0 };
  g_autofree char *path = NULL;
  int width, height;

  if (node == NULL || !ddpm_model_notes_from_json (&notes, node, "ddpm.json", NULL) || notes.thumbnail == NULL
      || !is_plain_name (notes.thumbnail))
    return NULL;
  path = g_build_filename (g_file_peek_path (folder), notes.thumbnail, NULL);
  if (gdk_pixbuf_get_file_info (path, &width, &height) == NULL || MAX (width, height) > MAX_THUMBNAIL_px)
    return NULL;
  return MAX (width, height) > size_px
           ? gdk_pixbuf_new_from_file_at_scale (path, size_px, size_px, TRUE, NULL)
           : gdk_pixbuf_new_from_file (path, NULL);
}

/* Behind the YAML between two lines of "---" that published models begin with. */
static const char *
skip_front_matter (const char *text)
{
  const char *end;

  if (!g_str_has_prefix (text, "---\n"))
    return text;
  end = strstr (text + 3, "\n---");
  return end != NULL ? end + 4 : text;
}

static gboolean
is_prose (const char *line)
{
  return line[0] != '\0' && strchr ("#!<|[`>-*=", line[0]) == NULL;
}

/* The first paragraph in one line. */
static char *
get_paragraph (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *paragraph = g_string_new (NULL);

  for (char **line = lines; *line != NULL; line++)
    {
      const char *words = g_strstrip (*line);

      if (is_prose (words))
        g_string_append_printf (paragraph, "%s%s", paragraph->len > 0 ? " " : "", words);
      else if (paragraph->len > 0)
        break;
    }
  return g_string_free (paragraph, FALSE);
}

char *
ddpm_model_card_get_line (const char *markdown)
{
  static const char *const ends[] = { ". ", ": ", " (" };
  g_autofree char *line = get_paragraph (skip_front_matter (markdown));
  gsize length = strlen (line);

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      const char *end = strstr (line, ends[i]);

      if (end != NULL)
        length = MIN (length, (gsize) (end - line));
    }
  line[length] = '\0';
  if (length > 0 && line[length - 1] == '.')
    line[length - 1] = '\0';
  if (line[0] == '\0' || !g_utf8_validate (line, -1, NULL))
    return NULL;
  if (g_utf8_strlen (line, -1) > MAX_LINE_CHARS)
    {
      g_autofree char *head = g_utf8_substring (line, 0, MAX_LINE_CHARS);

      return g_strconcat (head, "…", NULL);
    }
  return g_steal_pointer (&line);
}

DdpmModelCard
ddpm_model_card_read (GFile *folder, int thumbnail_size_px)
{
  g_autoptr (GFile) readme = g_file_get_child (folder, "README.md");
  g_autofree char *text = NULL;
  DdpmModelCard card = { 0 };
  gsize n_bytes;

  if (g_file_load_contents (readme, NULL, &text, &n_bytes, NULL, NULL) && n_bytes <= MAX_CARD_BYTES)
    card.line = ddpm_model_card_get_line (text);
  card.thumbnail = load_thumbnail (folder, thumbnail_size_px);
  return card;
}

void
ddpm_model_card_clear (DdpmModelCard *card)
{
  g_clear_object (&card->thumbnail);
  g_clear_pointer (&card->line, g_free);
}
