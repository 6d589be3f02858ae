# Read by GIMP's Python console from ./dev demo: new layers by the plug-in, the image as XCF and a contact sheet of
# its layers as PNG. The same calls work in Filters > Development > Python-Fu > Python Console.
import os

from gi.repository import Gegl, Gimp, Gio

COUNT = 8
COLUMNS = 4
SCALE = 4  # small pictures are looked at through a magnifying glass
GAP = 16  # pixels between them


def generate():
    """Eight pictures by the bundled model, in a new image; returns the image."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-ddpm-generate")
    if procedure is None:
        raise RuntimeError("GIMP does not know plug-in-ddpm-generate")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    for name, value in (
        ("count", COUNT),
        ("seed", 1),
    ):
        config.set_property(name, value)
    result = procedure.run(config)
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(f"plug-in-ddpm-generate failed: {Gimp.get_pdb().get_last_error()}")
    return result.index(1)


def pictures(items):
    """The layers with pixels, in groups too, from the top down."""
    for item in items:
        if item.is_group():
            yield from pictures(item.get_children())
        else:
            yield item


def contact_sheet(layers):
    """All layers side by side on a checkerboard, each pixel SCALE pixels wide; returns an image."""
    width, height = layers[0].get_width() * SCALE, layers[0].get_height() * SCALE
    rows = -(-len(layers) // COLUMNS)
    sheet = Gimp.Image.new(
        COLUMNS * (width + GAP) + GAP, rows * (height + GAP) + GAP, Gimp.ImageBaseType.RGB
    )
    ground = Gimp.Layer.new(
        sheet,
        "checkerboard",
        sheet.get_width(),
        sheet.get_height(),
        Gimp.ImageType.RGB_IMAGE,
        100,
        Gimp.LayerMode.NORMAL,
    )
    sheet.insert_layer(ground, None, 0)
    squares = Gimp.DrawableFilter.new(ground, "gegl:checkerboard", "")
    settings = squares.get_config()
    settings.set_property("x", GAP // 2)
    settings.set_property("y", GAP // 2)
    settings.set_property("color1", Gegl.Color.new("#999999"))
    settings.set_property("color2", Gegl.Color.new("#666666"))
    squares.update()
    ground.merge_filter(squares)

    Gimp.context_set_interpolation(Gimp.InterpolationType.NONE)
    for i, layer in enumerate(layers):
        copy = Gimp.Layer.new_from_drawable(layer, sheet)
        sheet.insert_layer(copy, None, 0)
        copy.scale(width, height, False)
        copy.set_offsets(
            GAP + i % COLUMNS * (width + GAP), GAP + i // COLUMNS * (height + GAP)
        )
        copy.set_visible(True)
    sheet.flatten()
    return sheet


def save(image, path):
    if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(path), None):
        raise RuntimeError(f"{path} could not be written")


image = generate()
# GIMP's list begins with the topmost layer, the last one made
layers = list(pictures(image.get_layers()))[::-1]
if len(layers) != COUNT:
    raise RuntimeError(f"{len(layers)} layers instead of {COUNT}")
save(image, os.environ["DDPM_DEMO_XCF"])
sheet = contact_sheet(layers)
save(sheet, os.environ["DDPM_DEMO_SHEET"])
sheet.delete()
image.delete()
