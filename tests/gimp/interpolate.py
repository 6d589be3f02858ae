# plug-in-ddpm-interpolate: layers between two layers.
from ddpm_gimp import *

OPTIONS = ["--strength", "60", "--seed", "21", "--steps", str(STEPS), "-n", "3"]
ARGUMENTS = {"strength": 60.0, "seed": 21, "steps": STEPS, "count": 3}
# what GIMP's animation filters read: how long a layer is shown, and that those below are not seen meanwhile
FRAMES = [f"heroes 21 ({i}) (100ms) (replace)" for i in (3, 2, 1)]


def test_kinds():
    for kind in KINDS:
        image = kind.make_image(100, 80)
        lower, lower_path = kind.add_picture(image, 0, "lower", 3, 4)
        upper, upper_path = kind.add_picture(image, 1, "upper", 50, 30)
        before = native(lower), native(upper)
        _, _, layers = call("interpolate", image=image, drawables=[lower, upper], model=kind.model, **ARGUMENTS)
        if kind.base_type == INDEXED:
            report(f"{kind.name}: of the palette's colours", all(is_of_palette(new) for new in layers))
        else:
            compare(f"{kind.name}: the pixels of `ddpm interpolate`", layers,
                    ddpm("interpolate", kind.model, lower_path, upper_path, *OPTIONS), kind.tolerance, kind.n_halves)
        report(f"{kind.name}: both layers are as they were", (native(lower), native(upper)) == before)
        image.delete()


def test_order():
    lower_path, upper_path = pictures(4)[0], pictures(4, 41, 19)[1]
    arguments = {"model": "heroes", **ARGUMENTS}
    with new_image(100, 80) as image:
        lower = add(image, lower_path, "lower", 3, 4)
        add(image, pictures(3)[0], "between")
        upper = add(image, upper_path, "upper", 50, 30)
        reference = ddpm("interpolate", "heroes", lower_path, upper_path, *OPTIONS)

        _, _, layers = call("interpolate", image=image, drawables=[upper, lower], **arguments)
        compare("whatever order they are given in, the lower layer first", layers, reference)
        same("in order above the lower one, as frames", tree(image.get_layers()),
             ["upper", "between", *FRAMES, "lower"])
        same("at its place and size", {place(layer) for layer in layers}, {(3, 4, 30, 26)})
        same("how far each lies between", [settings(layer)["lambda"] for layer in layers], [0.25, 0.5, 0.75])
        for layer in layers:
            image.remove_layer(layer)

        group = Gimp.GroupLayer.new(image, "group")
        image.insert_layer(group, None, 3)
        image.reorder_item(upper, group, 0)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 6, 7, 8)
        _, _, layers = call("interpolate", image=image, drawables=[lower, upper], **arguments)
        compare("a group below makes its layers lower; the selection does not count", layers,
                ddpm("interpolate", "heroes", upper_path, lower_path, *OPTIONS))
        same("the new layers are in it", tree(image.get_layers()),
             ["between", "lower", ["group", [*FRAMES, "upper"]]])


def test_methods():
    paths = pictures(3)
    with new_image(30, 26) as image:
        layers = [add(image, paths[0], "lower"), add(image, paths[1], "upper")]
        _, _, new = call("interpolate", image=image, drawables=layers, model="colour", method="latent", **ARGUMENTS)
        compare("by latents", new, ddpm("interpolate", "colour", *paths, "--method", "latent", *OPTIONS))
        errors = settings(new[0]).get("inversion-error", [])
        report("how well the ends come back is told", len(errors) == 2 and all(0 < error < 255 for error in errors),
               f"{errors}")
        _, _, new = call("interpolate", image=image, drawables=layers, model="colour", **ARGUMENTS)
        report("and by noise there is nothing to tell", "inversion-error" not in settings(new[0]))
        _, _, new = call("interpolate", image=image, drawables=layers, model="colour", strength=0.0, count=1)
        ends = [pixels(layer, "R'G'B' float") for layer in layers]
        middle = pixels(new[0], "R'G'B' u8")
        mixed = [round((a + b) / 2) for a, b in zip(*(pixels(layer, "R'G'B' u8") for layer in layers))]
        report("strength 0 is the plain mixture", not differences(middle, mixed, 6), len(ends))


run_tests(test_kinds, test_order, test_methods)
