#include "core/job/sample-pieces.h"

#include <math.h>

/* Parts of a mask are told apart in cells of this part of the model's size, or larger ones. */
#define CELLS_ACROSS_MODEL 8
#define MAX_CELLS (1u << 20)
#define MAX_PIECES 256

/* How much coarser the model may see two pieces together than each alone. */
#define MAX_LOSS 1.25

double
ddpm_piece_get_scale (const DdpmRect *piece, const DdpmImage *mask, const DdpmRect *model)
{
  const double wanted = MAX (3.0 * piece->width / model->width, 3.0 * piece->height / model->height);
  const double all = MAX ((double) mask->width / model->width, (double) mask->height / model->height);

  return MIN (MAX (wanted, 1), all);
}

static DdpmRect
unite (const DdpmRect *a, const DdpmRect *b)
{
  const guint x = MIN (a->x, b->x), y = MIN (a->y, b->y);

  return (DdpmRect) { x, y, MAX (a->x + a->width, b->x + b->width) - x,
                      MAX (a->y + a->height, b->y + b->height) - y };
}

static gboolean
overlap (const DdpmRect *a, const DdpmRect *b)
{
  return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height
         && b->y < a->y + a->height;
}

/* A mask in cells, each with the rectangle around what is above 0 in it; width 0: nothing is. */
typedef struct
{
  guint size; /* pixels across a cell */
  guint n_columns, n_rows;
  DdpmRect *rects; /* [n_rows][n_columns] */
} Cells;

static void
cells_init (Cells *cells, const DdpmImage *mask, guint size)
{
  *cells = (Cells) { size, (mask->width + size - 1) / size, (mask->height + size - 1) / size, NULL };
  cells->rects = g_new0 (DdpmRect, (gsize) cells->n_columns * cells->n_rows);
  for (guint y = 0; y < mask->height; y++)
    for (guint x = 0; x < mask->width; x++)
      if (mask->pixels[(gsize) y * mask->width + x] > 0)
        {
          DdpmRect *rect = &cells->rects[(gsize) (y / size) * cells->n_columns + x / size];
          const DdpmRect pixel = { x, y, 1, 1 };

          *rect = rect->width > 0 ? unite (rect, &pixel) : pixel;
        }
}

/* Takes the connected part that the cell belongs to out of the cells. `stack` is empty before and after. */
static DdpmRect
take_part (Cells *cells, gsize cell, GArray *stack)
{
  DdpmRect part = cells->rects[cell];

  g_array_append_val (stack, cell);
  while (stack->len > 0)
    {
      const gsize at = g_array_index (stack, gsize, stack->len - 1);
      const guint column = at % cells->n_columns, row = at / cells->n_columns;

      g_array_set_size (stack, stack->len - 1);
      for (guint y = MAX (row, 1) - 1; y <= MIN (row + 1, cells->n_rows - 1); y++)
        for (guint x = MAX (column, 1) - 1; x <= MIN (column + 1, cells->n_columns - 1); x++)
          {
            const gsize next = (gsize) y * cells->n_columns + x;

            if (cells->rects[next].width == 0)
              continue;
            part = unite (&part, &cells->rects[next]);
            cells->rects[next].width = 0;
            g_array_append_val (stack, next);
          }
    }
  return part;
}

static GArray *
find_parts (const DdpmImage *mask, guint cell_size)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (DdpmRect));
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (gsize));
  Cells cells;

  cells_init (&cells, mask, cell_size);
  for (gsize i = 0; i < (gsize) cells.n_columns * cells.n_rows; i++)
    if (cells.rects[i].width > 0)
      {
        const DdpmRect part = take_part (&cells, i, stack);

        g_array_append_val (parts, part);
      }
  g_free (cells.rects);
  return parts;
}

static gboolean
belong_together (const DdpmRect *a, const DdpmRect *b, const DdpmImage *mask, const DdpmRect *model)
{
  const DdpmRect both = unite (a, b);

  return overlap (a, b)
         || ddpm_piece_get_scale (&both, mask, model)
              <= MAX_LOSS
                   * MAX (ddpm_piece_get_scale (a, mask, model), ddpm_piece_get_scale (b, mask, model));
}

static gboolean
merge_some (GArray *pieces, const DdpmImage *mask, const DdpmRect *model)
{
  DdpmRect *rects = (DdpmRect *) (gpointer) pieces->data;

  for (guint i = 0; i < pieces->len; i++)
    for (guint j = i + 1; j < pieces->len; j++)
      if (belong_together (&rects[i], &rects[j], mask, model))
        {
          rects[i] = unite (&rects[i], &rects[j]);
          g_array_remove_index (pieces, j);
          return TRUE;
        }
  return FALSE;
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const DdpmRect *first = a, *second = b;

  if (first->y != second->y)
    return first->y < second->y ? -1 : 1;
  return first->x < second->x ? -1 : first->x > second->x;
}

GArray *
ddpm_pieces_find (const DdpmImage *mask, const DdpmRect *model)
{
  guint size = MAX (MIN (model->width, model->height) / CELLS_ACROSS_MODEL, 1);
  GArray *pieces;

  while ((guint64) (mask->width / size + 1) * (mask->height / size + 1) > MAX_CELLS)
    size *= 2;
  for (pieces = find_parts (mask, size); pieces->len > MAX_PIECES; pieces = find_parts (mask, size))
    {
      g_array_unref (pieces);
      size *= 2;
    }
  while (merge_some (pieces, mask, model))
    ;
  g_array_sort (pieces, compare_places);
  return pieces;
}
