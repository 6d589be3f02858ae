# What each procedure is called, and what it refuses: with one sentence, and without a trace in the image.
from ddpm_gimp import *


def test_declarations():
    shared = ["model", "label", "guidance", "count", "sizing", "seed", "new-seed", "sampler", "steps", "spacing",
              "sigmas", "eta"]
    own = {
        "generate": ["width", "height", "seamless", "new-image"],
        "vary": ["seamless", "strength", "ladder-to", "visible"],
        "interpolate": ["strength", "method"],
        "fill": ["resamplings"],
        "progressive": ["width", "height", "seamless", "shared", "new-image"],
    }
    labels = {"generate": "_New Layers...", "vary": "_Variations...", "interpolate": "_Interpolate Layers...",
              "fill": "_Fill Selection...", "progressive": "_Progressive Steps...", "repeat": "_Repeat Exactly"}
    for name, label in labels.items():
        procedure = PDB.lookup_procedure("plug-in-ddpm-" + name)
        same(f"{name}: in the menu", (procedure.get_menu_paths(), procedure.get_menu_label()),
             (["<Image>/Filters/Generate with DDPM"], label))
        names = [argument.name for argument in procedure.get_arguments()]
        wanted = shared + own[name] if name in own else []
        same(f"{name}: its arguments", sorted(names), sorted(wanted + ["run-mode", "image", "drawables"]))
        same(f"{name}: each is explained", [a.name for a in procedure.get_arguments() if not a.get_blurb()], [])
        report(f"{name}: it is documented", procedure.get_blurb() and procedure.get_help() and procedure.get_authors()
               and procedure.get_copyright() and procedure.get_image_types() == "*")


def broken_model():
    """A model folder whose weights end too early."""
    folder = copy_model("grey", "broken")
    weights = os.path.join(folder, "unet", "diffusion_pytorch_model.safetensors")
    os.truncate(weights, os.path.getsize(weights) // 2)
    return folder


class Scene:
    """An image with three layers, a channel and a selection, and what each procedure works on in it."""

    def __init__(self, image):
        paths = pictures(4)
        self.image = image
        self.lower, self.upper = add(image, paths[0], "lower"), add(image, paths[1], "upper", 20, 20)
        self.third = add(image, paths[1], "third", 40, 20)
        self.channel = Gimp.Channel.new(image, "channel", 100, 80, 50, Gegl.Color.new("red"))
        image.insert_channel(self.channel, None, 0)
        image.set_selected_layers([self.lower])
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 9, 9)
        self.ends = {"generate": [], "vary": [self.lower], "interpolate": [self.lower, self.upper],
                     "fill": [self.lower], "progressive": []}
        self.settle()

    def settle(self):
        self.image.clean_all()
        self.before = state(self.image)

    def refused(self, what, name, words, **arguments):
        arguments = {"image": self.image, "drawables": self.ends[name], "model": "heroes", "steps": STEPS, **arguments}
        status, message, _ = call(name, **arguments)
        now = state(self.image)
        report(f"{name}: {what} is refused with a sentence, the image as it was",
               status in FAILURES and words in str(message) and "\n" not in str(message).strip() and now == self.before,
               f"{status}: {message!r}", f"{now[:3]}")


def test_arguments():
    with new_image(100, 80) as image:
        scene = Scene(image)
        empty = os.path.join(WORK, "empty")
        os.mkdir(empty)
        weights = "diffusion_pytorch_model.safetensors"
        for what, words, arguments in (
            ("a model that is not there", "no-such-model", {"model": "no-such-model"}),
            ("an empty folder as model", "empty", {"model": empty}),
            ("a damaged model", weights, {"model": broken_model()}),
            ("a count of 0", "count", {"count": 0}),
            ("a count of 1001", "count", {"count": 1001}),
            ("a negative seed", "seed", {"seed": -1}),
            ("a negative number of steps", "steps", {"steps": -1}),
            ("more steps than timesteps", "steps", {"steps": 1001}),
            ("a negative eta", "eta", {"eta": -0.01, "sampler": "ddim"}),
            ("an eta above 1", "eta", {"eta": 1.01, "sampler": "ddim"}),
            ("a sampler that does not exist", "it must be one of: auto, ddpm, ddim", {"sampler": "dim"}),
            ("a spacing that does not exist", "auto, leading, trailing, linspace", {"spacing": "wide"}),
            ("noise levels that the sampler does not know", "ddim", {"sampler": "ddim", "sigmas": "karras"}),
            ("a negative width", "width", {"width": -8}),
            ("a height above 65535", "height", {"height": 65536}),
            ("a label where there are none", "no labels", {"label": "apple"}),
            ("a label that is not the model's", "apple", {"label": "plum", "model": "labels"}),
            ("a negative guidance", "guidance", {"label": "pear", "model": "labels", "guidance": -1.0}),
        ):
            scene.refused(what, "generate", words, **arguments)
        for name in ("vary", "interpolate", "fill", "progressive"):
            scene.refused("a model that is not there", name, "no-such-model", model="no-such-model")
            scene.refused("a count of 0", name, "count", count=0)
        for name in ("vary", "interpolate"):
            scene.refused("a negative strength", name, "strength", strength=-1.0)
            scene.refused("a strength above 100", name, "strength", strength=100.5)
        scene.refused("a ladder above 100", "vary", "ladder-to", ladder_to=101.0)
        scene.refused("a method that does not exist", "interpolate", "noise, latent", method="magic")
        scene.refused("no resamplings", "fill", "resamplings", resamplings=0)
        scene.refused("noise shared with nobody", "progressive", "shared", shared=100.5)
        scene.refused("noise shared by a sampler without", "progressive", "noise", shared=50.0, sampler="ddim")


def test_drawables():
    with new_image(100, 80) as image:
        scene = Scene(image)
        for name in ("vary", "fill"):
            scene.refused("no layer", name, "one layer", drawables=[])
            scene.refused("two layers", name, "one layer", drawables=[scene.lower, scene.upper])
        scene.refused("one layer", "interpolate", "2 layers", drawables=[scene.lower])
        scene.refused("three layers", "interpolate", "2 layers", drawables=[scene.lower, scene.upper, scene.third])
        scene.refused("a layer and a channel", "interpolate", "channel", drawables=[scene.lower, scene.channel])

        image.select_rectangle(Gimp.ChannelOps.REPLACE, 90, 70, 10, 10)
        scene.settle()
        for name in ("vary", "fill"):
            scene.refused("a selection beside the layer", name, "does not touch")
        Gimp.Selection.none(image)
        scene.settle()
        scene.refused("no selection", "fill", "Nothing is selected")

        image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
        Gimp.Selection.float(image, [scene.lower], 0, 0)
        scene.settle()
        for name in scene.ends:
            scene.refused("a floating selection", name, "floating")


def test_no_image():
    for name in ("vary", "interpolate", "fill", "repeat"):
        status, _, _ = call(name)
        report(f"{name}: no image is refused", status in FAILURES, f"{status}")


run_tests(test_declarations, test_arguments, test_drawables, test_no_image)
