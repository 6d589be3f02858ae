# plug-in-ddpm-fill: what is selected is made anew.
from ddpm_gimp import *

OPTIONS = ["--seed", "31", "--steps", str(STEPS), "--resamplings", "2"]
ARGUMENTS = {"seed": 31, "steps": STEPS, "resamplings": 2, "count": 1}


def save_selection(image, layer):
    """The selection over the layer as a file for --mask, and its values."""
    left, top = layer.get_offsets()[1:]
    width, height = layer.get_width(), layer.get_height()
    size = Gegl.Rectangle.new(left, top, width, height)
    values = bytes(image.get_selection().get_buffer().get(size, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))
    mask = Gegl.Buffer.new("Y' u8", 0, 0, width, height)
    mask.set(Gegl.Rectangle.new(0, 0, width, height), "Y' u8", values)  # the file's values are the selection's own
    return write_png(mask, width, height, "Y' u8"), values


def see(image):
    """What 8-bit values look like, exactly; where GIMP composes floats it changes the last bits of any."""
    seen = Gimp.Layer.new_from_visible(image, image, "seen")
    try:
        return pixels(seen, "R'G'B'A u16")
    finally:
        seen.delete()


def check(what, image, layer, path, model, tolerance=0, n_halves=0, is_indexed=False):
    """A fill of the selection: equal to the command's within, and nothing of what is seen changed without."""
    mask_path, mask = save_selection(image, layer)
    before, seen = native(layer), see(image)
    _, x, y, width, height = layer.mask_intersect()
    status, message, layers = call("fill", image=image, drawables=[layer], model=model, **ARGUMENTS)
    if layers is None:
        report(what, False, f"{status}: {message}")
        return
    left, top = layer.get_offsets()[1:]
    same(f"{what}: as large as the selection", place(layers[0]), (left + x, top + y, width, height))
    report(f"{what}: the layer is as it was", native(layer) == before)

    fmt = "R'G'B'A u8"
    got, reference = pixels(layers[0], fmt), ddpm("fill", model, path, "--mask", mask_path, *OPTIONS)[0].get_pixels(fmt)
    wrong, changed, opaque = [], 0, 0
    for row in range(height):
        for column in range(width):
            mine = got[4 * (row * width + column) :][:4]
            at = (y + row) * layer.get_width() + x + column
            if mask[at] == 0:
                opaque += mine[3] > 0
                continue
            wanted = reference[4 * at :][:4]
            wrong += [abs(a - b) for a, b in zip(mine, wanted) if abs(a - b) > tolerance]
            changed += 1
    report(f"{what}: what is not selected is transparent", opaque == 0, f"{opaque} pixels")
    report(f"{what}: the pixels of `ddpm fill`", is_indexed or len(wrong) <= n_halves and changed > 0,
           f"{len(wrong)} of {changed} pixels' values differ by up to {max(wrong, default=0)}")
    if is_indexed:
        report(f"{what}: of the palette's colours", is_of_palette(layers[0]))

    now = see(image)
    n = len(now) // (image.get_width() * image.get_height())
    selected = selected_in(image)
    outside = [i for i, value in enumerate(selected) if value == 0]
    report(f"{what}: nothing else of the image changes, to the last bit",
           all(now[n * i : n * i + n] == seen[n * i : n * i + n] for i in outside) and now != seen)
    image.remove_layer(layers[0])


def selected_in(image):
    size = Gegl.Rectangle.new(0, 0, image.get_width(), image.get_height())
    return bytes(image.get_selection().get_buffer().get(size, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))


def test_kinds():
    for kind in KINDS:
        image = kind.make_image(50, 40)
        layer, path = kind.add_picture(image, 0, "original", 7, 9)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 12, 15, 9, 8)
        check(kind.name, image, layer, path, kind.model, kind.tolerance, kind.n_halves, kind.base_type == INDEXED)
        image.delete()


def test_selections():
    path = pictures(3)[0]
    with new_image(50, 40) as image:
        layer = add(image, path, "original", 7, 9)
        image.select_ellipse(Gimp.ChannelOps.REPLACE, 0, 0, 25, 25)
        check("round, partly beside the layer", image, layer, path, "colour")
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 9, 12, 6, 6)
        image.select_rectangle(Gimp.ChannelOps.ADD, 25, 20, 8, 5)
        check("two pieces", image, layer, path, "colour")
        Gimp.Selection.feather(image, 5)
        check("two pieces, feathered", image, layer, path, "colour")
        Gimp.Selection.all(image)
        check("all of it", image, layer, path, "colour")


def test_several():
    with new_image(30, 26) as image:
        layer = add(image, pictures(3)[0], "original")
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 9, 9)
        _, _, layers = call("fill", image=image, drawables=[layer], model="colour", **{**ARGUMENTS, "count": 3})
        same("several to choose from, above the layer", tree(image.get_layers()),
             ["colour 31 (3)", "colour 31 (2)", "colour 31 (1)", "original"])
        report("each another one", len({pixels(new) for new in layers}) == 3)
        report("the selection is still there", not Gimp.Selection.is_empty(image))


run_tests(test_kinds, test_selections, test_several)
