#!/usr/bin/env python3
"""A plug-in that lets the gui tests prepare and look at the images of a running GIMP, while they press keys in
its window. It runs the Python that it finds in $DDPM_GUI_FOLDER/ask and leaves what that printed in answer."""
import contextlib
import hashlib
import io
import os
import sys
import traceback

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, GLib

FOLDER = os.environ["DDPM_GUI_FOLDER"]
INTERVAL_MS = 50


def describe_items(items, depth):
    for item in items:
        x, y = item.get_offsets()[1:]
        print("  " * depth, item.get_name(), item.get_width(), item.get_height(), x, y, end=" ")
        if item.is_group():
            print()
            describe_items(item.get_children(), depth + 1)
        else:
            size = Gegl.Rectangle.new(0, 0, item.get_width(), item.get_height())
            pixels = item.get_buffer().get(size, 1.0, None, Gegl.AbyssPolicy.NONE)
            print(hashlib.sha1(pixels).hexdigest())


def describe(image):
    """Prints all that a user could see of an image: a line for it, and one for each layer from the top down."""
    print(image.get_width(), image.get_height(), "dirty" if image.is_dirty() else "clean")
    describe_items(image.get_layers(), 1)


def make_layer(image, name, width, height, shade):
    """A layer with a soft ramp on it, on top of all."""
    layer = Gimp.Layer.new(
        image, name, width, height, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL
    )
    pixels = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (255 * x // width, 255 * y // height, shade, 255)
    )
    size = Gegl.Rectangle.new(0, 0, width, height)
    layer.get_buffer().set(size, "R'G'B'A u8", pixels)
    image.insert_layer(layer, None, 0)
    return layer


def answer(question):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(question, globals())
        except Exception:
            traceback.print_exc(file=sys.stdout)
    return printed.getvalue()


def look_for_question():
    ask = os.path.join(FOLDER, "ask")
    if os.path.exists(ask):
        with open(ask, encoding="utf-8") as file:
            question = file.read()
        os.remove(ask)
        with open(os.path.join(FOLDER, "answer.new"), "w", encoding="utf-8") as file:
            file.write(answer(question))
        os.rename(os.path.join(FOLDER, "answer.new"), os.path.join(FOLDER, "answer"))
    return GLib.SOURCE_CONTINUE


class Watch(Gimp.PlugIn):
    def do_set_i18n(self, name):
        return False

    def do_query_procedures(self):
        return ["plug-in-ddpm-gui-watch"]

    def do_create_procedure(self, name):
        procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, self.run, None)
        procedure.set_documentation("Watches", "For the gui tests", name)
        return procedure

    def run(self, procedure, config, data):
        Gegl.init(None)
        procedure.persistent_ready()
        self.persistent_enable()
        GLib.timeout_add(INTERVAL_MS, look_for_question)
        GLib.MainLoop().run()


Gimp.main(Watch.__gtype__, sys.argv)
