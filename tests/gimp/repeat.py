# plug-in-ddpm-repeat: a layer again, with the settings kept with it.
from ddpm_gimp import *


def check(what, image, layers):
    """The last of a run's layers is repeated; the new ones are the same."""
    if layers is None:
        report(what, False, f"the run before failed: {PDB.get_last_error()}")
        return []
    status, message, new = call("repeat", image=image, drawables=layers[-1:])
    if new is None:
        report(what, False, f"{status}: {message}")
        return []
    report(f"{what}: the same pixels", [pixels(layer) for layer in new] == [pixels(layer) for layer in layers])
    same(f"{what}: at the same place", [place(layer) for layer in new], [place(layer) for layer in layers])
    same(f"{what}: the same settings", [settings(layer) for layer in new], [settings(layer) for layer in layers])
    return new


def test_generated():
    with new_image(60, 50) as image:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 1, 2, 20, 30)
        _, _, layers = call("generate", image=image, model="labels", label="pear", guidance=2.0, seed=4, count=2, steps=3,
                            sampler="ddim", eta=0.5, width=32, height=24)
        Gimp.Selection.none(image)
        new = check("generate", image, layers)
        report("generate: a group beside the first, not in it", len(image.get_layers()) == 2 and len(new) == 2)
        _, _, layers = call("progressive", image=image, model="grey", seed=5, count=3, steps=STEPS)
        check("progressive", image, layers)
        _, _, layers = call("generate", image=image, model="grey", seed=5, count=1, steps=STEPS, sampler="euler",
                            spacing="trailing", sigmas="karras")
        check("generate, by another spacing", image, layers)


def test_of_layers():
    with new_image(60, 50) as image:
        upper, lower = add(image, pictures(4)[0], "upper", 3, 4), add(image, pictures(4)[1], "lower", 8, 9)
        image.lower_item(lower)
        folder = copy_model("heroes", "elsewhere")
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 12, 15, 14)
        _, _, layers = call("vary", image=image, drawables=[upper], model=folder, seed=3, strength=30.0, ladder_to=80.0,
                            count=2, steps=STEPS)
        Gimp.Selection.none(image)
        check("vary: the part that was selected then, by a model's path", image, layers)

        _, _, layers = call("interpolate", image=image, drawables=[upper, lower], model="heroes", seed=3, strength=30.0,
                            method="latent", count=2, steps=STEPS)
        check("interpolate, by latents", image, layers)

        image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 12, 15, 14)
        Gimp.Selection.feather(image, 3)
        _, _, layers = call("fill", image=image, drawables=[upper], model="heroes", seed=3, resamplings=2, count=2,
                            steps=STEPS)
        check("fill", image, layers)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 3, 3)
        check("fill: the selection that was there then", image, layers)

        Gimp.Selection.none(image)
        _, _, layers = call("vary", image=image, drawables=[lower], model="heroes", count=1, steps=STEPS)
        image.remove_layer(lower)
        before = state(image)
        status, message, _ = call("repeat", image=image, drawables=[layers[0]])
        report("a layer whose origin is gone is refused", status in FAILURES and "no longer" in str(message), f"{message}")
        same("and the image is as it was", state(image), before)


def test_copied():
    """GIMP numbers the layers of a copy anew: there they are known by their names."""
    with new_image(40, 40) as image:
        layer = add(image, pictures(4)[0], "original", 3, 4)
        _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", count=1, steps=STEPS)
        layer.set_name("renamed")
        _, _, new = call("repeat", image=image, drawables=layers)
        compare("its origin has another name", new, [Picture(save(layers[0]))])
        layer.set_name("original")
        copy = image.duplicate()
        status, message, new = call("repeat", image=copy, drawables=[copy.get_layer_by_name(layers[0].get_name())])
        compare("in a copy of the image", new, [Picture(save(layers[0]))])
        copy.delete()


def test_refused():
    with new_image(40, 40) as image:
        layer = add(image, pictures(4)[0], "original")

        def refused(what, words, drawables):
            status, message, _ = call("repeat", image=image, drawables=drawables)
            report(f"{what} is refused, with a sentence", status in FAILURES and words in str(message),
                   f"{status}: {message}")

        def keep(text):
            signed = [byte - 256 if byte > 127 else byte for byte in text]
            layer.attach_parasite(Gimp.Parasite.new("ddpm-settings", Gimp.PARASITE_PERSISTENT, signed))

        refused("a layer of other origin", "not made", [layer])
        refused("no layer", "one layer", [])
        for what, text in (("not JSON", b"{"), ("not an object", b"[1]"), ("not UTF-8", b'{"procedure":"\xff"}'),
                           ("no procedure", b'{"seed": 1}'), ("a procedure of others", b'{"procedure": "gimp-quit"}'),
                           ("itself", b'{"procedure": "plug-in-ddpm-repeat"}'), ("nothing", b"")):
            keep(text)
            refused(f"a parasite that is {what}", "original", [layer])
        keep(b'{"procedure": "plug-in-ddpm-vary", "layers": [99999999999], "model": "heroes"}')
        refused("a layer that never was", "no longer", [layer])
        keep(b'{"procedure": "plug-in-ddpm-generate", "model": 7, "seed": -1e300, "count": "x", "part": [1, 2]}')
        refused("a seed out of range", "seed", [layer])


run_tests(test_generated, test_of_layers, test_copied, test_refused)
