# A run that does not come to its end: the plug-in killed, which GIMP's own Cancel button does; the model deleted.
import signal

from ddpm_gimp import *

LONG = {"count": 1000, "steps": 1000}


def test_killed():
    with new_image(40, 40) as image:
        layers = [add(image, pictures(4)[i], f"original {i}") for i in range(2)]
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 9, 9)
        image.clean_all()
        before = state(image)
        for name, drawables, more in (("generate", [], {}), ("vary", layers[:1], {}), ("interpolate", layers, {}),
                                      ("fill", layers[:1], {}), ("progressive", [], {"width": 192, "height": 192})):
            with when_working(lambda pid: os.kill(pid, signal.SIGKILL)) as killed:
                status, _, _ = call(name, image=image, drawables=drawables, model="heroes", **LONG, **more)
            report(f"{name}: a plug-in killed at work makes the call fail", killed.is_set() and status in FAILURES,
                   f"{status}")
            report(f"{name}: and leaves the image as it was", state(image) == before, f"{state(image)[:3]}")
        _, _, new = call("vary", image=image, drawables=layers[:1], model="heroes", count=1, steps=STEPS)
        report("GIMP goes on, and so do we", new is not None)


def test_model_deleted():
    """While it is at work, or as it begins: all the pictures, as they should be, or a sentence and none."""
    arguments = {"count": 4, "steps": 1000, "seed": 3}
    with new_image(40, 40) as image:
        layer = add(image, pictures(4)[0], "original")
        image.clean_all()
        reference = ddpm("vary", "heroes", pictures(4)[0], "-n", "4", "--steps", "1000", "--seed", "3")
        for what, begins in (("at work", is_at_work), ("as it begins", lambda pid: True)):
            before = state(image)
            folder = copy_model("heroes", "deleted")
            with when_working(lambda pid: shutil.rmtree(folder), begins) as deleted:
                status, message, layers = call("vary", image=image, drawables=[layer], model=folder, **arguments)
            report(f"the model is deleted {what}", deleted.is_set() and not os.path.exists(folder))
            if status == SUCCESS:
                compare(f"the model is deleted {what}: all pictures are there", layers, reference)
                for new in layers:
                    image.remove_layer(new)
                image.clean_all()
            else:
                report(f"the model is deleted {what}: a sentence, and no layer",
                       "deleted" in str(message) and state(image) == before, f"{status}: {message}")


run_tests(test_killed, test_model_deleted)
