"""What the tests of the procedures share. Each is read by a headless GIMP's Python from gimp-test.sh, calls procedures
with named arguments and compares their layers with the files of the ddpm command. Leaves TAP lines in $DDPM_TAP."""
import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
import traceback

from gi.repository import Gegl, Gimp

DDPM = os.environ["DDPM"]
MAKE_PICTURES = os.environ["DDPM_MAKE_PICTURES"]
PLUG_IN = os.path.realpath(os.environ["DDPM_PLUG_IN"])
WORK = os.environ["DDPM_WORK"]
MODELS = os.path.join(os.environ["XDG_DATA_HOME"], "gimp-ddpm", "models")
TAP = open(os.environ["DDPM_TAP"], "w", encoding="utf-8")
PDB = Gimp.get_pdb()
SUCCESS = Gimp.PDBStatusType.SUCCESS
FAILURES = (Gimp.PDBStatusType.CALLING_ERROR, Gimp.PDBStatusType.EXECUTION_ERROR)
STEPS = 4  # random weights make no better pictures with more
RGB, GRAY, INDEXED = Gimp.ImageBaseType.RGB, Gimp.ImageBaseType.GRAY, Gimp.ImageBaseType.INDEXED
U8 = Gimp.Precision.U8_NON_LINEAR

cases = 0
folders = 0
Gegl.init(None)


def report(what, passed, *lines):
    global cases
    cases += 1
    print("ok" if passed else "not ok", cases, "-", what, file=TAP)
    if not passed:
        for line in lines:
            print("#", line, file=TAP)
    TAP.flush()


def same(what, got, wanted):
    report(what, got == wanted, f"got {got!r}"[:2000], f"wanted {wanted!r}"[:2000])


def run_tests(*tests):
    for test in tests:
        try:
            test()
        except Exception:
            report(f"{test.__name__} runs to its end", False, *traceback.format_exc().splitlines())
    print(f"1..{cases}", file=TAP)
    TAP.close()


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


def write_png(buffer, width, height, fmt):
    """What is in a GEGL buffer, from its upper left corner, as an 8-bit file."""
    global folders
    folders += 1
    path = os.path.join(WORK, f"file-{folders}.png")
    size = Gegl.Rectangle.new(0, 0, width, height)
    copy = Gegl.Buffer.new(fmt, 0, 0, width, height)
    copy.set(size, fmt, bytes(buffer.get(size, 1.0, fmt, Gegl.AbyssPolicy.NONE)))
    graph = Gegl.Node()
    source = graph.create_child("gegl:buffer-source")
    source.set_property("buffer", copy)
    target = graph.create_child("gegl:png-save")
    target.set_property("path", path)
    target.set_property("bitdepth", 8)
    source.link(target)
    target.process()
    return path


def save(layer):
    """A layer as an 8-bit file."""
    fmt = ("Y'" if layer.is_gray() else "R'G'B'") + ("A" if layer.has_alpha() else "") + " u8"
    return write_png(layer.get_buffer(), layer.get_width(), layer.get_height(), fmt)


def ddpm(command, *arguments):
    """Runs the ddpm command into a new folder and returns its files."""
    global folders
    folders += 1
    folder = os.path.join(WORK, f"reference-{folders}")
    subprocess.run([DDPM, command, *arguments, "-o", folder], check=True, stdout=subprocess.DEVNULL)
    return [Picture(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]


def pixels(drawable, fmt="R'G'B'A u8"):
    size = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return bytes(drawable.get_buffer().get(size, 1.0, fmt, Gegl.AbyssPolicy.NONE))


def native(drawable):
    """Its values as they are stored."""
    return pixels(drawable, None)


def differences(mine, wanted, tolerance):
    if mine == wanted:
        return []
    return [abs(a - b) for a, b in zip(mine, wanted) if abs(a - b) > tolerance]


def compare(what, layers, references, tolerance=0, n_halves=0):
    """Sizes, alpha and 8-bit values. n_halves: values of a layer that may be one off besides, because they
    lie halfway between two 8-bit steps and have been to linear light and back."""
    if layers is None:
        report(what, False, f"the call failed: {PDB.get_last_error()}")
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
        wrong = differences(pixels(layer), reference.get_pixels(), tolerance)
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


@contextlib.contextmanager
def new_image(width, height, base_type=RGB, precision=U8):
    image = Gimp.Image.new_with_precision(width, height, base_type, precision)
    yield image
    image.delete()


def add_layer(image, name, width, height, has_alpha, fmt, values, x=0, y=0):
    kind = {RGB: "RGB", GRAY: "GRAY", INDEXED: "INDEXED"}[image.get_base_type()] + ("A_IMAGE" if has_alpha else "_IMAGE")
    layer = Gimp.Layer.new(image, name, width, height, getattr(Gimp.ImageType, kind), 100, Gimp.LayerMode.NORMAL)
    layer.get_buffer().set(Gegl.Rectangle.new(0, 0, width, height), fmt, values)
    image.insert_layer(layer, None, 0)
    layer.set_offsets(x, y)
    return layer


def add(image, path, name, x=0, y=0):
    """A picture file as a new layer on top."""
    picture = Picture(path)
    values = picture.get_pixels(picture.format)
    return add_layer(image, name, picture.width, picture.height, picture.has_alpha, picture.format, values, x, y)


def place(layer):
    return tuple(layer.get_offsets()[1:]) + (layer.get_width(), layer.get_height())


def pictures(n_channels, width=30, height=26):
    """Two files."""
    folder = os.path.join(WORK, f"pictures-{n_channels}-{width}x{height}")
    if not os.path.isdir(folder):
        os.makedirs(folder)
        subprocess.run(
            [MAKE_PICTURES, "pictures", folder, "2", str(width), str(height), str(n_channels)], check=True
        )
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def settings(layer):
    return json.loads(bytes(layer.get_parasite("ddpm-settings").get_data()).decode())


class Kind:
    """A kind of image: colours, alpha, precision; and how exactly 8-bit values are kept in it."""

    def __init__(self, base_type, has_alpha, precision, tolerance=1, n_halves=0):
        self.base_type, self.has_alpha, self.precision = base_type, has_alpha, precision
        self.tolerance, self.n_halves = tolerance, n_halves
        self.name = f"{base_type.value_nick}{' with alpha' if has_alpha else ''}, {precision.value_nick}"
        # one whose pictures lose nothing in such an image
        self.model = "grey" if base_type == GRAY else "heroes" if has_alpha else "colour"

    def make_image(self, width, height):
        image = Gimp.Image.new_with_precision(width, height, GRAY if self.base_type == GRAY else RGB, self.precision)
        if self.base_type == INDEXED:
            image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.WEB, 0, False, False, "")
        return image

    def add_picture(self, image, index, name, x=0, y=0):
        """The soft disc number `index`, and a file of what is in the layer then."""
        path = pictures({GRAY: 1, INDEXED: 3, RGB: 3}[self.base_type] if not self.has_alpha else 4)[index]
        picture = Picture(path)
        fmt = ("Y'A u8" if self.has_alpha else "Y' u8") if self.base_type == GRAY else picture.format
        values = picture.get_pixels(fmt)
        layer = add_layer(image, name, picture.width, picture.height, self.has_alpha, fmt, values, x, y)
        return layer, save(layer)


KINDS = (
    [Kind(base_type, has_alpha, precision, tolerance, n_halves) for base_type in (RGB, GRAY)
     for has_alpha in (False, True)
     for precision, tolerance, n_halves in ((U8, 0, 0), (Gimp.Precision.U16_NON_LINEAR, 1, 0),
                                            (Gimp.Precision.FLOAT_LINEAR, 1, 0))]
    + [Kind(INDEXED, has_alpha, U8, 26) for has_alpha in (False, True)]
)
# what is finer, coarser or rarer, with one procedure only
MORE_KINDS = [Kind(RGB, True, Gimp.Precision.U8_LINEAR, 7)] + [  # whose dark values lie far apart
    Kind(RGB, True, getattr(Gimp.Precision, name))
    for name in ("U16_LINEAR", "U32_NON_LINEAR", "U32_LINEAR", "HALF_NON_LINEAR", "FLOAT_NON_LINEAR",
                 "DOUBLE_LINEAR", "DOUBLE_NON_LINEAR")
]


def is_of_palette(layer):
    """The web palette's: no mixtures."""
    values = set(pixels(layer, "R'G'B' u8"))
    return len(values) > 1 and values <= set(range(0, 256, 51))


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


def is_at_work(pid):
    """It has used its processor for longer than a plug-in takes to start."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            ticks = sum(int(field) for field in file.read().rpartition(")")[2].split()[11:13])
    except OSError:
        return False
    return ticks > os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def when_working(action, begins=is_at_work):
    """While this lasts: does action (process) once the plug-in begins (process). What it yields becomes true then."""
    ended, done = threading.Event(), threading.Event()

    def wait():
        while not ended.is_set() and not done.is_set():
            for pid in filter(begins, plug_in_processes()):
                action(pid)
                done.set()
                break
            time.sleep(0.02)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def copy_model(name, copy):
    folder = os.path.join(WORK, copy)
    shutil.copytree(os.path.join(MODELS, name), folder)
    return folder
