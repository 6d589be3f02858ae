/* Labels out of the paths of pictures. */
#include "core/data/labels.h"

static void
test_labels (void)
{
  static const char *const paths[] = { "0.png",    "Wood/1.png",   "Wood/old/2.png",
                                       "Wo/1.png", "bricks/a.png", "bricks/b.png",
                                       "x.png",    "x/Wood/1.png", NULL };
  static const char *const both[] = { "Wood", "bricks", NULL }, *const all[] = { "Wo", "Wood", "bricks", "x",
                                                                                 NULL };
  static const guint32 expected[] = { 2, 0, 0, 2, 1, 1, 2, 2 };
  g_auto (GStrv) two = ddpm_labels_find (paths, 2), one = ddpm_labels_find (paths, 1),
                 none = ddpm_labels_find (paths, 3);
  g_autofree guint32 *labels = ddpm_labels_assign (paths, both);

  g_assert_cmpstrv (two, both);
  g_assert_cmpstrv (one, all);
  g_assert_null (none[0]);
  g_assert_cmpmem (labels, 8 * sizeof (guint32), expected, sizeof expected);
}

/* Names are for people, whatever the file system holds. */
static void
test_no_utf8 (void)
{
  static const char *const paths[] = { "\xff/1.png", "\xff/2.png", "\303\244/1.png", NULL };
  g_auto (GStrv) names = ddpm_labels_find (paths, 1);
  g_autofree guint32 *labels = ddpm_labels_assign (paths, (const char *const *) names);

  g_assert_cmpuint (g_strv_length (names), ==, 2);
  for (guint i = 0; i < 2; i++)
    g_assert_true (g_utf8_validate (names[i], -1, NULL));
  g_assert_cmpuint (labels[0], ==, labels[1]);
  g_assert_cmpuint (labels[0], !=, labels[2]);
  g_assert_cmpstr (names[labels[2]], ==, "\303\244");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/labels/labels", test_labels);
  g_test_add_func ("/labels/no-utf8", test_no_utf8);
  return g_test_run ();
}
