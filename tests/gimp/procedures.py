# Read by a headless GIMP's Python from gimp-test.sh: calls the three procedures with named arguments and compares
# their layers with the files of the ddpm command. Leaves TAP lines in the file $DDPM_TAP.
import json
import os
import signal
import subprocess
import threading
import time
import traceback

from gi.repository import Gegl, Gimp, Gio

DDPM = os.environ["DDPM"]
MAKE_PICTURES = os.environ["DDPM_MAKE_PICTURES"]
PLUG_IN = os.path.realpath(os.environ["DDPM_PLUG_IN"])
WORK = os.environ["DDPM_WORK"]
TAP = open(os.environ["DDPM_TAP"], "w", encoding="utf-8")
PDB = Gimp.get_pdb()
SUCCESS = Gimp.PDBStatusType.SUCCESS
FAILURES = (Gimp.PDBStatusType.CALLING_ERROR, Gimp.PDBStatusType.EXECUTION_ERROR)
STEPS = 4  # random weights make no better pictures with more

cases = 0
folders = 0


def report(what, passed, *lines):
    global cases
    cases += 1
    print("ok" if passed else "not ok", cases, "-", what, file=TAP)
    if not passed:
        for line in lines:
            print("#", line, file=TAP)
    TAP.flush()


def same(what, got, wanted):
    report(what, got == wanted, f"got {got!r}", f"wanted {wanted!r}")


def call(name, **arguments):
    """Runs a procedure. Returns its status, then image and layers, or its message and None."""
    procedure = PDB.lookup_procedure("plug-in-ddpm-" + name)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    for key, value in arguments.items():
        key = key.replace("_", "-")
        if key == "drawables":
            config.set_core_object_array(key, value)
        else:
            config.set_property(key, value)
    result = procedure.run(config)
    if result.index(0) != SUCCESS:
        return result.index(0), PDB.get_last_error(), None
    return result.index(0), result.index(1), result.get_core_object_array(2)


class Picture:
    """An 8-bit PNG file, read by GEGL: a plug-in of GIMP's for each would take most of the test's time."""

    FORMATS = {0: "Y' u8", 2: "R'G'B' u8", 4: "Y'A u8", 6: "R'G'B'A u8"}

    def __init__(self, path):
        with open(path, "rb") as file:
            header = file.read(26)
        self.width, self.height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
        self.format = self.FORMATS[header[25]]
        self.has_alpha = "A" in self.format
        self.size = Gegl.Rectangle.new(0, 0, self.width, self.height)
        self.buffer = Gegl.Buffer.new(self.format, 0, 0, self.width, self.height)
        graph = Gegl.Node()
        source = graph.create_child("gegl:png-load")
        source.set_property("path", path)
        target = graph.create_child("gegl:write-buffer")
        target.set_property("buffer", self.buffer)
        source.link(target)
        target.process()

    def get_pixels(self, fmt="R'G'B'A u8"):
        return bytes(self.buffer.get(self.size, 1.0, fmt, Gegl.AbyssPolicy.NONE))


def ddpm(command, *arguments):
    """Runs the ddpm command into a new folder and returns its files."""
    global folders
    folders += 1
    folder = os.path.join(WORK, f"reference-{folders}")
    subprocess.run([DDPM, command, *arguments, "-o", folder], check=True, stdout=subprocess.DEVNULL)
    return [Picture(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]


def pixels(layer, fmt="R'G'B'A u8"):
    size = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    return bytes(layer.get_buffer().get(size, 1.0, fmt, Gegl.AbyssPolicy.NONE))


def compare(what, layers, references, tolerance=0, n_halves=0):
    """Sizes, alpha and 8-bit values. n_halves: values of a layer that may be one off besides, because they
    lie halfway between two 8-bit steps and have been to linear light and back."""
    if layers is None:
        report(what, False, "the call failed: " + PDB.get_last_error())
        return
    if len(layers) != len(references) or not layers:
        report(what, False, f"{len(layers)} layers, {len(references)} files")
        return
    for layer, reference in zip(layers, references):
        mine = (layer.get_width(), layer.get_height(), layer.has_alpha())
        wanted = (reference.width, reference.height, reference.has_alpha)
        if mine != wanted:
            report(what, False, f"{layer.get_name()}: {mine}, the file {wanted}")
            return
        mine, wanted = pixels(layer), reference.get_pixels()
        wrong = [abs(a - b) for a, b in zip(mine, wanted) if abs(a - b) > tolerance]
        if wrong and (len(wrong) > n_halves or max(wrong) > tolerance + 1):
            report(what, False, f"{layer.get_name()}: {len(wrong)} values differ by up to {max(wrong)}")
            return
    report(what, True)


def tree(items):
    """Names as nested lists, from the top down."""
    return [[i.get_name(), tree(i.get_children())] if i.is_group() else i.get_name() for i in items]


def state(image):
    """All that a failed call could have changed."""
    return (
        tree(image.get_layers()),
        image.is_dirty(),
        [layer.get_name() for layer in image.get_selected_layers()],
        [pixels(layer) for layer in image.get_layers() if not layer.is_group()],
    )


def new_image(width, height, base_type=Gimp.ImageBaseType.RGB):
    return Gimp.Image.new(width, height, base_type)


def add(image, path, name, x=0, y=0):
    """A picture file as a new layer on top."""
    picture = Picture(path)
    kind = ("GRAY" if "Y" in picture.format else "RGB") + ("A_IMAGE" if picture.has_alpha else "_IMAGE")
    layer = Gimp.Layer.new(
        image, name, picture.width, picture.height, getattr(Gimp.ImageType, kind), 100, Gimp.LayerMode.NORMAL
    )
    layer.get_buffer().set(picture.size, picture.format, picture.get_pixels(picture.format))
    image.insert_layer(layer, None, 0)
    layer.set_offsets(x, y)
    return layer


def place(layer):
    return tuple(layer.get_offsets()[1:]) + (layer.get_width(), layer.get_height())


def pictures(n_channels, width, height):
    folder = os.path.join(WORK, f"pictures-{n_channels}-{width}x{height}")
    os.makedirs(folder)
    subprocess.run(
        [MAKE_PICTURES, "pictures", folder, "2", str(width), str(height), str(n_channels)], check=True
    )
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def test_arguments():
    shared = ["model", "label", "guidance", "count", "seed", "new-seed", "sampler", "steps", "eta"]
    own = {
        "generate": ["width", "height", "new-image"],
        "vary": ["strength", "ladder-to", "visible"],
        "interpolate": ["strength", "method"],
        "fill": ["resamplings"],
        "progressive": ["width", "height", "shared", "new-image"],
    }
    for name, more in own.items():
        procedure = PDB.lookup_procedure("plug-in-ddpm-" + name)
        names = [argument.name for argument in procedure.get_arguments()]
        same(f"{name}: its arguments", sorted(names), sorted(shared + more + ["run-mode", "image", "drawables"]))
        report(
            f"{name}: it is documented",
            procedure.get_blurb() and procedure.get_help() and procedure.get_authors() and procedure.get_copyright(),
        )
        same(f"{name}: its menu", procedure.get_menu_paths(), ["<Image>/Filters/Generate with DDPM"])


def test_generate_without_image():
    status, image, layers = call("generate", model="heroes", count=3, seed=7, sampler="ddim", steps=STEPS)
    same("generate: works with no image open", status, SUCCESS)
    compare(
        "generate: the pixels of `ddpm sample`",
        layers,
        ddpm("sample", "heroes", "-n", "3", "--seed", "7", "--sampler", "ddim", "--steps", str(STEPS)),
    )
    same("generate: the image has the pictures' size", (image.get_width(), image.get_height()), (16, 24))
    same("generate: the first lies lowest", tree(image.get_layers()), ["heroes 7 (3)", "heroes 7 (2)", "heroes 7 (1)"])
    same("generate: the layers come in the pictures' order", [l.get_name() for l in layers],
         ["heroes 7 (1)", "heroes 7 (2)", "heroes 7 (3)"])
    parasite = layers[1].get_parasite("ddpm-settings")
    settings = json.loads(bytes(parasite.get_data()).decode())
    wanted = {"task": "generate", "model": "heroes", "seed": 7, "index": 1, "sampler": "ddim", "steps": STEPS, "eta": 0}
    same("generate: the settings are a layer's parasite", {key: settings[key] for key in wanted}, wanted)
    report("generate: the parasite is saved with the image", parasite.is_persistent())
    image.delete()


def test_generate_arguments():
    folder = os.path.join(os.environ["XDG_DATA_HOME"], "gimp-ddpm", "models", "colour")
    for what, arguments, options in (
        ("a folder's path as model", {"model": folder, "steps": STEPS}, [folder, "--steps", str(STEPS)]),
        ("the DDPM sampler", {"model": "colour", "sampler": "ddpm", "steps": STEPS},
         ["colour", "--sampler", "ddpm", "--steps", str(STEPS)]),
        ("eta 1", {"model": "colour", "sampler": "ddim", "steps": STEPS, "eta": 1.0},
         ["colour", "--sampler", "ddim", "--steps", str(STEPS), "--eta", "1"]),
        ("sampler and steps left to the model", {"model": "colour"}, ["colour"]),
        ("the largest seed", {"model": "grey", "steps": STEPS, "seed": 2147483647},
         ["grey", "--steps", str(STEPS), "--seed", "2147483647"]),
    ):
        _, image, layers = call("generate", count=2, **arguments)
        compare(f"generate: {what}", layers, ddpm("sample", *options, "-n", "2"))
        image.delete()

    _, image, layers = call("generate", count=1, steps=1)
    report("generate: no model named is the default one", layers[0].get_name().startswith("materials 0"))
    image.delete()

    seeds = set()
    for _ in range(3):
        _, image, layers = call("generate", model="grey", count=1, steps=1, new_seed=True)
        settings = json.loads(bytes(layers[0].get_parasite("ddpm-settings").get_data()).decode())
        same("generate: a new seed is in the name", layers[0].get_name(), f"grey {settings['seed']} (1)")
        seeds.add(settings["seed"])
        image.delete()
    report("generate: new seeds differ", len(seeds) > 1, f"{seeds}")


def test_generate_into_image():
    reference = ddpm("sample", "heroes", "-n", "2", "--seed", "3", "--steps", str(STEPS))
    arguments = {"model": "heroes", "count": 2, "seed": 3, "steps": STEPS}
    image = new_image(100, 80)
    lower = add(image, PICTURES[4][0], "lower")
    add(image, PICTURES[4][1], "upper")
    image.set_selected_layers([lower])

    _, _, layers = call("generate", image=image, **arguments)
    compare("generate: the same pixels in an open image", layers, reference)
    same("generate: in a group above the active layer", tree(image.get_layers()),
         ["upper", ["heroes 3", ["heroes 3 (2)", "heroes 3 (1)"]], "lower"])
    same("generate: at the image's centre", [place(layer) for layer in layers], [(42, 28, 16, 24)] * 2)

    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 20, 30, 40)
    _, _, layers = call("generate", image=image, **arguments)
    same("generate: at the selection's centre", [place(layer) for layer in layers], [(17, 28, 16, 24)] * 2)
    report("generate: a group beside the last one, not in it",
           [layer.is_group() for layer in image.get_layers()] == [False, True, True, False])
    image.delete()

    image = new_image(5, 5)
    _, _, layers = call("generate", image=image, **arguments)
    compare("generate: into an image without layers, smaller than the pictures", layers, reference)
    image.delete()


def test_generate_kinds():
    """Each kind of model in each kind of image."""
    references = {
        model: ddpm("sample", model, "-n", "2", "--seed", "5", "--steps", str(STEPS))
        for model in ("heroes", "colour", "grey")
    }
    arguments = {"count": 2, "seed": 5, "steps": STEPS}
    for model, reference in references.items():
        # half floats, and linear integers in the dark, are no finer than 8 bits
        for precision, tolerance, n_halves in (
                (Gimp.Precision.U8_NON_LINEAR, 0, 0), (Gimp.Precision.U16_LINEAR, 1, 0),
                (Gimp.Precision.FLOAT_LINEAR, 0, 2), (Gimp.Precision.HALF_NON_LINEAR, 1, 0)):
            image = Gimp.Image.new_with_precision(40, 40, Gimp.ImageBaseType.RGB, precision)
            _, _, layers = call("generate", image=image, model=model, **arguments)
            compare(f"generate: {model} in colour, {precision.value_nick}", layers, reference, tolerance,
                    n_halves)
            image.delete()

    grey = new_image(40, 40, Gimp.ImageBaseType.GRAY)
    _, _, layers = call("generate", image=grey, model="grey", **arguments)
    compare("generate: grey in grey", layers, references["grey"])
    _, _, layers = call("generate", image=grey, model="heroes", **arguments)
    same("generate: colour becomes grey in a grey image", [layer.type() for layer in layers],
         [Gimp.ImageType.GRAYA_IMAGE] * 2)
    same("generate: and keeps its alpha", [pixels(layer, "A u8") for layer in layers],
         [picture.get_pixels("A u8") for picture in references["heroes"]])
    grey.delete()

    indexed = new_image(40, 40)
    add(indexed, PICTURES[3][0], "colours")
    indexed.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.WEB, 0, False, False, "")
    _, _, layers = call("generate", image=indexed, model="heroes", **arguments)
    same("generate: indexed layers in an indexed image", [layer.type() for layer in layers],
         [Gimp.ImageType.INDEXEDA_IMAGE] * 2)
    values = pixels(layers[0], "R'G'B' u8")
    report("generate: of the palette's colours", len(set(values)) > 1 and set(values) <= set(range(0, 256, 51)),
           f"{sorted(set(values))}")
    indexed.delete()


def test_vary():
    strength = ["--strength", "40", "--seed", "11", "--steps", str(STEPS), "-n", "3"]
    arguments = {"strength": 40.0, "seed": 11, "steps": STEPS, "count": 3}
    for model in ("heroes", "colour", "grey"):
        for n_channels in (1, 3, 4):
            path = PICTURES[n_channels][0]
            base_type = Gimp.ImageBaseType.GRAY if n_channels == 1 else Gimp.ImageBaseType.RGB
            if n_channels == 1 and model != "grey":
                continue  # GIMP's grey image takes no colours
            image = new_image(100, 80, base_type)
            layer = add(image, path, "original", 7, 9)
            before = pixels(layer)
            _, _, layers = call("vary", image=image, drawables=[layer], model=model, **arguments)
            compare(f"vary: the pixels of `ddpm vary`, {n_channels} channels by {model}", layers,
                    ddpm("vary", model, path, *strength))
            same("vary: above the original, in order", tree(image.get_layers()),
                 [f"{model} 11 ({i})" for i in (3, 2, 1)] + ["original"])
            same("vary: at its place", {place(layer) for layer in image.get_layers()}, {(7, 9, 30, 26)})
            same("vary: the original is as it was", pixels(layer), before)
            same("vary: and still the active layer", [l.get_name() for l in image.get_selected_layers()], ["original"])
            image.delete()


def test_vary_strength():
    image = new_image(30, 26)
    layer = add(image, PICTURES[4][0], "original")
    _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", strength=0.0, count=2)
    same("vary: strength 0 returns the layer", [pixels(new) for new in layers], [pixels(layer)] * 2)
    _, _, layers = call("vary", image=image, drawables=[layer], model="heroes", strength=100.0, steps=STEPS, count=1)
    compare("vary: strength 100", layers,
            ddpm("vary", "heroes", PICTURES[4][0], "--strength", "100", "--steps", str(STEPS)))
    image.delete()


def test_vary_selection():
    """Only the selection's bounds on the layer count: as if the layer were that part alone."""
    arguments = {"model": "heroes", "seed": 2, "steps": STEPS, "count": 2}
    image = new_image(60, 60)
    layer = add(image, PICTURES[4][0], "original", 10, 20)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 0, 30, 25, 30)
    _, _, layers = call("vary", image=image, drawables=[layer], **arguments)
    same("vary: within the selection's bounds", {place(new) for new in layers}, {(10, 30, 15, 16)})

    part = new_image(15, 16)
    cut = add(part, PICTURES[4][0], "part", 0, -10)
    cut.resize(15, 16, 0, -10)
    path = os.path.join(WORK, "part.png")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, part, Gio.File.new_for_path(path), None)
    compare("vary: the pixels of that part", layers,
            ddpm("vary", "heroes", path, "--seed", "2", "--steps", str(STEPS), "-n", "2"))
    image.delete()
    part.delete()


# what GIMP's animation filters read: how long a layer is shown, and that those below are not seen meanwhile
FRAMES = [f"heroes 21 ({i}) (100ms) (replace)" for i in (3, 2, 1)]


def test_interpolate():
    options = ["--strength", "60", "--seed", "21", "--steps", str(STEPS), "-n", "3"]
    arguments = {"model": "heroes", "strength": 60.0, "seed": 21, "steps": STEPS, "count": 3}
    lower_path, upper_path = PICTURES[4][0], OTHERS[4][1]
    image = new_image(100, 80)
    lower = add(image, lower_path, "lower", 3, 4)
    add(image, PICTURES[3][0], "between")
    upper = add(image, upper_path, "upper", 50, 30)
    reference = ddpm("interpolate", "heroes", lower_path, upper_path, *options)

    _, _, layers = call("interpolate", image=image, drawables=[upper, lower], **arguments)
    compare("interpolate: the pixels of `ddpm interpolate`, the lower layer first", layers, reference)
    same("interpolate: in order above the lower one", tree(image.get_layers()),
         ["upper", "between", *FRAMES, "lower"])
    same("interpolate: at its place and size", {place(layer) for layer in layers}, {(3, 4, 30, 26)})
    settings = [json.loads(bytes(l.get_parasite("ddpm-settings").get_data()).decode()) for l in layers]
    same("interpolate: how far each lies between", [s["lambda"] for s in settings], [0.25, 0.5, 0.75])
    for layer in layers:
        image.remove_layer(layer)

    _, _, layers = call("interpolate", image=image, drawables=[lower, upper], **arguments)
    compare("interpolate: whatever order they are given in", layers, reference)
    for layer in layers:
        image.remove_layer(layer)

    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 3)
    image.reorder_item(upper, group, 0)
    _, _, layers = call("interpolate", image=image, drawables=[lower, upper], **arguments)
    compare("interpolate: a group below makes its layers lower", layers,
            ddpm("interpolate", "heroes", upper_path, lower_path, *options))
    same("interpolate: the new layers are in it", tree(image.get_layers()),
         ["between", "lower", ["group", [*FRAMES, "upper"]]])
    image.delete()


def broken_model():
    """A model folder whose weights end too early."""
    folder = os.path.join(WORK, "broken")
    source = os.path.join(os.environ["XDG_DATA_HOME"], "gimp-ddpm", "models", "grey")
    subprocess.run(["cp", "-r", source, folder], check=True)
    weights = os.path.join(folder, "unet", "diffusion_pytorch_model.safetensors")
    os.truncate(weights, os.path.getsize(weights) // 2)
    return folder


def test_failures():
    image = new_image(100, 80)
    lower = add(image, PICTURES[4][0], "lower")
    upper = add(image, PICTURES[4][1], "upper", 20, 20)
    third = add(image, PICTURES[4][1], "third", 40, 20)
    channel = Gimp.Channel.new(image, "channel", 100, 80, 50, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    empty = os.path.join(WORK, "empty")
    os.mkdir(empty)
    image.set_selected_layers([lower])
    image.clean_all()
    before = state(image)
    ends = {"generate": [], "vary": [lower], "interpolate": [lower, upper]}

    def refused(what, name, words, **arguments):
        arguments = {"image": image, "drawables": ends[name], "model": "heroes", "steps": STEPS, **arguments}
        status, message, _ = call(name, **arguments)
        report(f"{name}: {what} is refused", status in FAILURES, f"{status}")
        report(f"{name}: {what}: one sentence that says so",
               words in str(message) and "\n" not in str(message).strip(), f"{message!r}")
        report(f"{name}: {what} leaves the image as it was", state(image) == before, f"{state(image)[:3]}")

    for name in ends:
        for what, words, arguments in (
            ("a model that is not there", "no-such-model", {"model": "no-such-model"}),
            ("an empty folder as model", "empty", {"model": empty}),
            ("a damaged model", "diffusion_pytorch_model.safetensors", {"model": broken_model()}) if name == "generate"
            else ("a damaged model", "diffusion_pytorch_model.safetensors", {"model": os.path.join(WORK, "broken")}),
            ("a count of 0", "count", {"count": 0}),
            ("a count of 1001", "count", {"count": 1001}),
            ("a negative seed", "seed", {"seed": -1}),
            ("a negative number of steps", "steps", {"steps": -1}),
            ("more steps than timesteps", "steps", {"steps": 1001}),
            ("a negative eta", "eta", {"eta": -0.01, "sampler": "ddim"}),
            ("an eta above 1", "eta", {"eta": 1.01, "sampler": "ddim"}),
            ("a sampler that does not exist", "euler", {"sampler": "euler"}),
        ):
            refused(what, name, words, **arguments)
    for name in ("vary", "interpolate"):
        refused("a negative strength", name, "strength", strength=-1.0)
        refused("a strength above 100", name, "strength", strength=100.5)
    refused("two layers", "vary", "one layer", drawables=[lower, upper])
    refused("one layer", "interpolate", "2 layers", drawables=[lower])
    refused("three layers", "interpolate", "2 layers", drawables=[lower, upper, third])
    refused("a layer and a channel", "interpolate", "channel", drawables=[lower, channel])

    image.select_rectangle(Gimp.ChannelOps.REPLACE, 90, 70, 10, 10)
    image.clean_all()
    refused("a selection beside the layer", "vary", "selection")

    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
    Gimp.Selection.float(image, [lower], 0, 0)
    image.clean_all()
    before = state(image)
    for name in ends:
        refused("a floating selection", name, "floating")
    image.delete()


def plug_in_processes():
    """Those of our plug-in in this GIMP."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                ours = f"DDPM_WORK={WORK}".encode() in file.read().split(b"\0")
            if ours and os.path.realpath(f"/proc/{pid}/exe") == PLUG_IN:
                yield int(pid)
        except OSError:
            continue  # gone meanwhile, or somebody else's


def kill_when_working():
    while True:
        for pid in plug_in_processes():
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                ticks = sum(int(field) for field in file.read().rpartition(")")[2].split()[11:13])
            if ticks > os.sysconf("SC_CLK_TCK"):  # a second of work: it samples
                os.kill(pid, signal.SIGKILL)
                return
        time.sleep(0.05)


def test_killed():
    """GIMP's own Cancel button kills the plug-in."""
    image = new_image(40, 40)
    layer = add(image, PICTURES[4][0], "original")
    image.clean_all()
    before = state(image)
    killer = threading.Thread(target=kill_when_working)
    killer.start()
    status, _, _ = call("vary", image=image, drawables=[layer], model="heroes", count=1000, steps=1000)
    killer.join()
    report("a plug-in killed at work makes the call fail", status != SUCCESS, f"{status}")
    report("a plug-in killed at work leaves the image as it was", state(image) == before, f"{state(image)[:3]}")
    image.delete()


Gegl.init(None)
PICTURES = {n: pictures(n, 30, 26) for n in (1, 3, 4)}
OTHERS = {4: pictures(4, 41, 19)}
for test in (test_arguments, test_generate_without_image, test_generate_arguments, test_generate_into_image,
             test_generate_kinds, test_vary, test_vary_strength, test_vary_selection, test_interpolate, test_failures,
             test_killed):
    try:
        test()
    except Exception:
        report(f"{test.__name__} runs to its end", False, *traceback.format_exc().splitlines())
print(f"1..{cases}", file=TAP)
TAP.close()
