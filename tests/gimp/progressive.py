# plug-in-ddpm-progressive: how a picture comes to be, as layers.
from ddpm_gimp import *


def test_kinds():
    references = {
        model: ddpm("progressive", model, "-n", "3", "--seed", "9", "--steps", str(STEPS))
        for model in ("heroes", "colour", "grey")
    }
    for kind in KINDS:
        image = kind.make_image(40, 40)
        _, _, layers = call("progressive", image=image, model=kind.model, count=3, seed=9, steps=STEPS)
        if kind.base_type == INDEXED:
            report(f"{kind.name}: of the palette's colours", all(is_of_palette(layer) for layer in layers[1:]))
        else:
            compare(f"{kind.name}: the pixels of `ddpm progressive`", layers, references[kind.model], kind.tolerance,
                    kind.n_halves)
        image.delete()


def test_steps():
    arguments = {"model": "colour", "seed": 9, "steps": STEPS}
    _, image, layers = call("progressive", count=STEPS, **arguments)
    compare("with no image open; the last is what `ddpm sample` makes", layers[-1:],
            ddpm("sample", "colour", "--seed", "9", "--steps", str(STEPS)))
    steps = [settings(layer)["timestep"] for layer in layers]
    same("from the noisiest step to the last", steps, sorted(steps, reverse=True))
    same("the layers say at which", [layer.get_name() for layer in layers], [f"colour 9 (step {step})" for step in steps])
    image.delete()

    _, image, layers = call("progressive", count=2, width=32, height=24, **arguments)
    same("another size", [(layer.get_width(), layer.get_height()) for layer in layers], [(32, 24)] * 2)
    image.delete()


def test_shared():
    """Figure 7 of Ho et al.: pictures with the same noise down to a step."""
    options = ["-n", "3", "--seed", "9", "--steps", "6", "--sampler", "ddpm"]
    arguments = {"model": "colour", "seed": 9, "steps": 6, "sampler": "ddpm", "count": 3}
    with new_image(40, 40) as image:
        _, _, layers = call("progressive", image=image, shared=50.0, **arguments)
        compare("the pixels of `ddpm sample --shared`", layers, ddpm("sample", "colour", "--shared", "50", *options))
        same("in a group that says so", [layer.get_name() for layer in image.get_layers()],
             ["colour 9, the same noise down to step 500"])
        report("each another one", len({pixels(layer) for layer in layers}) == 3)


run_tests(test_kinds, test_steps, test_shared)
