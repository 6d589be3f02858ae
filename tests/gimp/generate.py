# plug-in-ddpm-generate: layers of pictures out of noise.
from ddpm_gimp import *


def test_without_image():
    status, image, layers = call("generate", model="heroes", count=3, seed=7, sampler="ddim", steps=STEPS)
    same("works with no image open", status, SUCCESS)
    compare("the pixels of `ddpm sample`", layers,
            ddpm("sample", "heroes", "-n", "3", "--seed", "7", "--sampler", "ddim", "--steps", str(STEPS)))
    same("the image has the pictures' size", (image.get_width(), image.get_height()), (16, 24))
    same("the first lies lowest", tree(image.get_layers()), ["heroes 7 (3)", "heroes 7 (2)", "heroes 7 (1)"])
    same("the layers come in the pictures' order", [layer.get_name() for layer in layers],
         ["heroes 7 (1)", "heroes 7 (2)", "heroes 7 (3)"])
    wanted = {"task": "generate", "model": "heroes", "seed": 7, "index": 1, "sampler": "ddim", "steps": STEPS, "eta": 0,
              "procedure": "plug-in-ddpm-generate"}
    record = settings(layers[1])
    same("the settings are a layer's parasite", {key: record.get(key) for key in wanted}, wanted)
    report("the parasite is saved with the image", layers[1].get_parasite("ddpm-settings").is_persistent())
    image.delete()


def test_arguments():
    folder = os.path.join(MODELS, "colour")
    for what, arguments, options in (
        ("a folder's path as model", {"model": folder, "steps": STEPS}, [folder, "--steps", str(STEPS)]),
        ("the DDPM sampler, eta 1", {"model": "colour", "sampler": "ddpm", "steps": STEPS, "eta": 1.0},
         ["colour", "--sampler", "ddpm", "--steps", str(STEPS), "--eta", "1"]),
        ("eta 1", {"model": "colour", "sampler": "ddim", "steps": STEPS, "eta": 1.0},
         ["colour", "--sampler", "ddim", "--steps", str(STEPS), "--eta", "1"]),
        ("sampler and steps left to the model, the largest seed", {"model": "grey", "seed": 2147483647},
         ["grey", "--seed", "2147483647"]),
        ("another size", {"model": "colour", "steps": STEPS, "width": 32, "height": 24},
         ["colour", "--steps", str(STEPS), "--size", "32x24"]),
        ("by windows, seamless", {"model": "colour", "steps": STEPS, "width": 40, "height": 23, "sizing": "windows",
                                  "seamless": "x"},
         ["colour", "--steps", str(STEPS), "--size", "40x23", "--sizing", "windows", "--seamless", "x"]),
        ("by another spacing", {"model": "colour", "steps": STEPS, "sampler": "lms", "spacing": "trailing",
                                "sigmas": "exponential"},
         ["colour", "--steps", str(STEPS), "--sampler", "lms", "--spacing", "trailing", "--sigmas", "exponential"]),
        ("a label", {"model": "labels", "steps": STEPS, "label": "apple"},
         ["labels", "--steps", str(STEPS), "--label", "apple"]),
        ("a label and guidance", {"model": "labels", "steps": STEPS, "label": "pear", "guidance": 3.0},
         ["labels", "--steps", str(STEPS), "--label", "pear", "--guidance", "3"]),
        ("any label, unless one is named", {"model": "labels", "steps": STEPS, "guidance": 3.0},
         ["labels", "--steps", str(STEPS), "--guidance", "3"]),
        ("guidance counts with a label only", {"model": "labels", "steps": STEPS, "guidance": 3.0, "label": ""},
         ["labels", "--steps", str(STEPS), "--label", "none"]),
    ):
        _, image, layers = call("generate", count=2, **arguments)
        compare(what, layers, ddpm("sample", *options, "-n", "2"))
        if layers is not None:
            image.delete()

    _, image, layers = call("generate", count=1, steps=1)
    report("no model named is the default one", layers[0].get_name().startswith("materials 0"))
    image.delete()


def test_new_seed():
    seeds = set()
    for _ in range(3):
        _, image, layers = call("generate", model="grey", count=1, steps=1, new_seed=True)
        seed = settings(layers[0])["seed"]
        same("a new seed is in the name", layers[0].get_name(), f"grey {seed} (1)")
        seeds.add(seed)
        image.delete()
    report("new seeds differ", len(seeds) > 1, f"{seeds}")


def test_into_image():
    reference = ddpm("sample", "heroes", "-n", "2", "--seed", "3", "--steps", str(STEPS))
    arguments = {"model": "heroes", "count": 2, "seed": 3, "steps": STEPS}
    with new_image(100, 80) as image:
        lower = add(image, pictures(4)[0], "lower")
        add(image, pictures(4)[1], "upper")
        image.set_selected_layers([lower])

        _, _, layers = call("generate", image=image, **arguments)
        compare("the same pixels in an open image", layers, reference)
        same("in a group above the active layer", tree(image.get_layers()),
             ["upper", ["heroes 3", ["heroes 3 (2)", "heroes 3 (1)"]], "lower"])
        same("at the image's centre", [place(layer) for layer in layers], [(42, 28, 16, 24)] * 2)

        image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 20, 30, 40)
        _, _, layers = call("generate", image=image, **arguments)
        same("at the selection's centre", [place(layer) for layer in layers], [(17, 28, 16, 24)] * 2)
        report("a group beside the last one, not in it",
               [layer.is_group() for layer in image.get_layers()] == [False, True, True, False])

        before = tree(image.get_layers())
        _, other, layers = call("generate", image=image, new_image=True, **arguments)
        compare("as a new image", layers, reference)
        report("which is another one", other.get_id() != image.get_id() and tree(image.get_layers()) == before)
        same("of the pictures' size, without a group", (other.get_width(), other.get_height(), tree(other.get_layers())),
             (16, 24, ["heroes 3 (2)", "heroes 3 (1)"]))
        other.delete()

    with new_image(5, 5) as image:
        _, _, layers = call("generate", image=image, **arguments)
        compare("into an image without layers, smaller than the pictures", layers, reference)


def test_kinds():
    references = {
        model: ddpm("sample", model, "-n", "2", "--seed", "5", "--steps", str(STEPS))
        for model in ("heroes", "colour", "grey")
    }
    for kind in KINDS + MORE_KINDS:
        image = kind.make_image(40, 40)
        _, _, layers = call("generate", image=image, model=kind.model, count=2, seed=5, steps=STEPS)
        if kind.base_type == INDEXED:
            same(f"{kind.name}: indexed layers", [layer.type() for layer in layers],
                 [Gimp.ImageType.INDEXEDA_IMAGE if kind.has_alpha else Gimp.ImageType.INDEXED_IMAGE] * 2)
            report(f"{kind.name}: of the palette's colours", all(is_of_palette(layer) for layer in layers))
        else:
            compare(kind.name, layers, references[kind.model], kind.tolerance, kind.n_halves)
        image.delete()


def test_colours_in_grey():
    with new_image(40, 40, GRAY) as image:
        _, _, layers = call("generate", image=image, model="heroes", count=2, seed=5, steps=STEPS)
        same("colour becomes grey in a grey image", [layer.type() for layer in layers],
             [Gimp.ImageType.GRAYA_IMAGE] * 2)
        same("and keeps its alpha", [pixels(layer, "A u8") for layer in layers],
             [picture.get_pixels("A u8")
              for picture in ddpm("sample", "heroes", "-n", "2", "--seed", "5", "--steps", str(STEPS))])


run_tests(test_without_image, test_arguments, test_new_seed, test_into_image, test_kinds, test_colours_in_grey)
