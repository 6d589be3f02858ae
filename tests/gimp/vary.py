# plug-in-ddpm-vary: variations of a layer, or of all that is visible.
from ddpm_gimp import *

OPTIONS = ["--strength", "40", "--seed", "11", "--steps", str(STEPS), "-n", "2"]
ARGUMENTS = {"strength": 40.0, "seed": 11, "steps": STEPS, "count": 2}
EXACT = (U8, Gimp.Precision.U16_NON_LINEAR, Gimp.Precision.FLOAT_NON_LINEAR, Gimp.Precision.HALF_NON_LINEAR)


def test_kinds():
    """Each kind of image, by a model that loses nothing in it; then the same with a strength of 0."""
    for kind in KINDS + MORE_KINDS:
        image = kind.make_image(100, 80)
        layer, path = kind.add_picture(image, 0, "original", 7, 9)
        before = native(layer)
        _, _, layers = call("vary", image=image, drawables=[layer], model=kind.model, **ARGUMENTS)
        if kind.base_type == INDEXED:
            report(f"{kind.name}: of the palette's colours", all(is_of_palette(new) for new in layers))
        else:
            compare(f"{kind.name}: the pixels of `ddpm vary`", layers, ddpm("vary", kind.model, path, *OPTIONS),
                    kind.tolerance, kind.n_halves)
        same(f"{kind.name}: above the original, in order", tree(image.get_layers()),
             [f"{kind.model} 11 (2)", f"{kind.model} 11 (1)", "original"])
        same(f"{kind.name}: at its place", {place(layer) for layer in image.get_layers()}, {(7, 9, 30, 26)})
        report(f"{kind.name}: the original is as it was", native(layer) == before)
        _, _, layers = call("vary", image=image, drawables=[layer], model=kind.model, strength=0.0, count=1)
        # floats in sRGB and back: the last bits of what is finer, or linear, may differ
        exactly = native(layers[0]) == before if kind.precision in EXACT else pixels(layers[0]) == pixels(layer)
        report(f"{kind.name}: strength 0 returns the layer", exactly)
        image.delete()


def test_models():
    """A model's channels and the layer's: the layer's alpha is kept by models that have none."""
    for model, n_channels in (("heroes", 3), ("heroes", 4), ("colour", 4), ("grey", 3), ("grey", 4)):
        with new_image(100, 80) as image:
            layer = add(image, pictures(n_channels)[0], "original")
            _, _, layers = call("vary", image=image, drawables=[layer], model=model, **ARGUMENTS)
            compare(f"{n_channels} channels by {model}", layers, ddpm("vary", model, pictures(n_channels)[0], *OPTIONS))
            if model == "colour":
                same("a model without alpha keeps the layer's", pixels(layers[0], "A u8"), pixels(layer, "A u8"))


def test_strength():
    path = pictures(4)[0]
    with new_image(30, 26) as image:
        layer = add(image, path, "original")
        _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", strength=100.0, steps=STEPS, count=1)
        compare("strength 100", layers, ddpm("vary", "heroes", path, "--strength", "100", "--steps", str(STEPS)))
        _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", strength=0.0, ladder_to=100.0,
                            steps=STEPS, count=3)
        compare("a ladder of strengths", layers,
                ddpm("vary", "heroes", path, "--strength", "0", "--ladder-to", "100", "--steps", str(STEPS), "-n", "3"))
        same("its lowest step is the layer itself", pixels(layers[0]), pixels(layer))
        same("its layers say how strong they are", [new.get_name() for new in layers],
             ["heroes 0 (1: 0 %)", "heroes 0 (2: 50 %)", "heroes 0 (3: 100 %)"])


def part_of(layer, x, y, width, height):
    """A file of a part of a layer, in the image's coordinates."""
    left, top = layer.get_offsets()[1:]
    size = Gegl.Rectangle.new(x - left, y - top, width, height)
    fmt = "R'G'B'A u8" if layer.has_alpha() else "R'G'B' u8"
    part = Gegl.Buffer.new(fmt, 0, 0, width, height)
    part.set(Gegl.Rectangle.new(0, 0, width, height), fmt,
             bytes(layer.get_buffer().get(size, 1.0, fmt, Gegl.AbyssPolicy.NONE)))
    return write_png(part, width, height, fmt)


def test_selections():
    """Only the selection's bounds on the layer count: as if the layer were that part alone."""
    with new_image(60, 60) as image:
        layer = add(image, pictures(4)[0], "original", 10, 20)

        def check(what, x, y, width, height):
            _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", **ARGUMENTS)
            same(f"{what}: within its bounds", {place(new) for new in layers}, {(x, y, width, height)})
            compare(f"{what}: the pixels of that part", layers,
                    ddpm("vary", "heroes", part_of(layer, x, y, width, height), *OPTIONS))

        image.select_rectangle(Gimp.ChannelOps.REPLACE, 12, 22, 20, 10)
        check("a rectangle", 12, 22, 20, 10)
        image.select_ellipse(Gimp.ChannelOps.REPLACE, 0, 30, 25, 30)
        check("a round one, partly beside the layer", 10, 30, 15, 16)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 30, 40, 4, 2)
        image.select_rectangle(Gimp.ChannelOps.ADD, 14, 24, 2, 4)
        check("two pieces", 14, 24, 20, 18)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 30, 8, 8)
        Gimp.Selection.feather(image, 4)
        _, _, x1, y1, x2, y2 = Gimp.Selection.bounds(image)
        report("a feathered selection is wider", x1 < 20 and x2 > 28)
        check("a feathered one", max(x1, 10), max(y1, 20), min(x2, 40) - max(x1, 10), min(y2, 46) - max(y1, 20))


def test_layers():
    """Groups, masks, locks, text; masks and channels as what is varied."""
    paths = pictures(4)
    with new_image(60, 50) as image:
        bottom = add(image, pictures(3, 60, 50)[0], "bottom")
        group = Gimp.GroupLayer.new(image, "group")
        image.insert_layer(group, None, 0)
        layer = add(image, paths[0], "inside", 12, 5)
        image.reorder_item(layer, group, 0)
        layer.set_lock_alpha(True)
        _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", **ARGUMENTS)
        compare("a layer in a group, its alpha locked", layers, ddpm("vary", "heroes", paths[0], *OPTIONS))
        same("the new layers are in it", tree(image.get_layers()),
             [["group", ["heroes 11 (2)", "heroes 11 (1)", "inside"]], "bottom"])
        for new in layers:
            image.remove_layer(new)

        _, _, layers = call("vary", image=image, drawables=[group], model="heroes", **ARGUMENTS)
        compare("a group is varied as one picture", layers, ddpm("vary", "heroes", paths[0], *OPTIONS))
        same("its variations lie above it", tree(image.get_layers()),
             ["heroes 11 (2)", "heroes 11 (1)", ["group", ["inside"]], "bottom"])
        for new in layers:
            image.remove_layer(new)

        seen = Gimp.Layer.new_from_visible(image, image, "seen")
        reference = ddpm("vary", "heroes", save(seen), *OPTIONS)
        seen.delete()
        _, _, layers = call("vary", image=image, visible=True, model="heroes", **ARGUMENTS)
        compare("all that is visible as one picture", layers, reference)
        same("its variations lie on top", tree(image.get_layers())[:3],
             ["heroes 11 (2)", "heroes 11 (1)", ["group", ["inside"]]])
        for new in layers:
            image.remove_layer(new)

        mask = bottom.create_mask(Gimp.AddMaskType.WHITE)
        bottom.add_mask(mask)
        mask.get_buffer().set(Gegl.Rectangle.new(0, 0, 30, 50), "Y float", bytes(30 * 50 * 4))
        _, _, layers = call("vary", image=image, drawables=[bottom], model="colour", strength=0.0, count=1)
        alphas = pixels(layers[0], "A u8")
        same("a mask counts as transparency", alphas, (bytes(30) + b"\xff" * 30) * 50)
        report("and the colours are as they were", pixels(layers[0], "R'G'B' u8") == pixels(bottom, "R'G'B' u8"))
        bottom.set_apply_mask(False)
        _, _, layers = call("vary", image=image, drawables=[bottom], model="colour", strength=0.0, count=1)
        report("a mask that is switched off does not", not layers[0].has_alpha())

        _, _, layers = call("vary", image=image, drawables=[mask], model="grey", strength=0.0, count=1)
        same("a mask is varied as a grey picture", pixels(layers[0], "R'G'B' u8"), pixels(mask, "R'G'B' u8"))
        same("above its layer", tree(image.get_layers())[-2], "grey 0 (1)")
        channel = Gimp.Channel.new(image, "channel", 60, 50, 50, Gegl.Color.new("red"))
        image.insert_channel(channel, None, 0)
        channel.get_buffer().set(Gegl.Rectangle.new(3, 4, 20, 20), "Y float", bytes(20 * 20 * 4))
        _, _, layers = call("vary", image=image, drawables=[channel], model="grey", strength=0.0, count=1)
        same("a channel as well", pixels(layers[0], "R'G'B' u8"), pixels(channel, "R'G'B' u8"))
        same("on top of all", image.get_layers()[0].get_name(), "grey 0 (1) #1")


def test_profile():
    """A picture that is not in sRGB: what counts is how it looks."""
    with new_image(40, 40, RGB, Gimp.Precision.U16_NON_LINEAR) as image:
        layer = add(image, pictures(3)[0], "original")
        image.convert_color_profile(Gimp.ColorProfile.new_rgb_adobe(), Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC,
                                    False)
        _, _, layers = call("vary", image=image, drawables=[layer], model="colour", **ARGUMENTS)
        compare("another profile", layers, ddpm("vary", "colour", pictures(3)[0], *OPTIONS), 1)
        report("the new layers have the image's", pixels(layers[0], None) != pixels(layers[0], "R'G'B' u16"))
        _, _, layers = call("vary", image=image, drawables=[layer], model="colour", strength=0.0, count=1)
        report("another profile, strength 0 returns the layer", pixels(layers[0]) == pixels(layer))


run_tests(test_kinds, test_models, test_strength, test_selections, test_layers, test_profile)
