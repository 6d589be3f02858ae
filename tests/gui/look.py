#!/usr/bin/env python3
"""look.py COMMAND…: what the plug-in's dialog shows, asked for as a screen reader does.

progress             text and fraction of the progress bar, while there is one to be seen
error                the sentence of the bar for errors, while it is to be seen
sensitive NAME       whether the button of that name can be pressed
press NAME           presses it
set NAME VALUE       sets the spin button of that name
value NAME           what it is set to
place                of the previews: WIDTHxHEIGHT+X+Y on the screen
names                of all entries; a line for each without a name
letters              that Alt goes with: a line for each entry and button that is to be seen, its letter or - and its name
unfold               shows what is folded up

It fails where there is no such thing."""
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi

LETTERED = ("spin button", "combo box", "button", "check box", "toggle button")
ENTRIES = ("spin button", "slider", "combo box", "button", "check box", "drawing area")


def walk(item):
    yield item
    for i in range(item.get_child_count()):
        child = item.get_child_at_index(i)
        if child is not None:
            yield from walk(child)


def everything():
    desktop = Atspi.get_desktop(0)
    for i in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(i)
        if application is not None and application.get_name() == "gimp-ddpm":
            yield from walk(application)


def find(role, name=None, showing=False):
    for item in everything():
        if item.get_role_name() == role and name in (None, item.get_name()):
            if not showing or is_in(item, Atspi.StateType.SHOWING):
                return item
    sys.exit(f"there is no {role} {name or ''}")


def is_in(item, state):
    return item.get_state_set().contains(state)


def progress():
    bar = find("progress bar", showing=True)
    print(bar.get_value_iface().get_current_value())


def error():
    for item in walk(find("info bar", showing=True)):
        if item.get_role_name() == "label":
            print(item.get_name())


def sensitive(name):
    if not is_in(find("button", name), Atspi.StateType.SENSITIVE):
        sys.exit(1)


def press(name):
    find("button", name, showing=True).get_action_iface().do_action(0)


def set_value(name, value):
    find("spin button", name).get_value_iface().set_current_value(float(value))


def get_value(name):
    print(f"{find('spin button', name).get_value_iface().get_current_value():g}")


def place():
    box = find("drawing area", showing=True).get_parent().get_component_iface().get_extents(Atspi.CoordType.SCREEN)
    print(f"{box.width}x{box.height}+{box.x}+{box.y}")


def names():
    for item in everything():
        if item.get_role_name() in ENTRIES and is_in(item, Atspi.StateType.SHOWING) and not item.get_name():
            print(item.get_role_name(), "in", item.get_parent().get_description())


def get_letter(item):
    action = item.get_action_iface()
    for i in range(action.get_n_actions() if action else 0):
        key = action.get_key_binding(i).split(";")[0].rsplit(">", 1)[-1]
        if key:
            return key
    return "-"


def letters():
    for item in everything():
        if item.get_role_name() in LETTERED and is_in(item, Atspi.StateType.SHOWING):
            print(get_letter(item), item.get_role_name(), item.get_name())


def unfold():
    item = find("toggle button", showing=True)
    if not is_in(item, Atspi.StateType.EXPANDED):
        item.get_action_iface().do_action(0)


COMMANDS = {
    "progress": progress,
    "error": error,
    "sensitive": sensitive,
    "press": press,
    "set": set_value,
    "value": get_value,
    "place": place,
    "names": names,
    "letters": letters,
    "unfold": unfold,
}
COMMANDS[sys.argv[1]](*sys.argv[2:])
