"""`python -m tests.ui.pictures` takes the pictures of the documents from those the tests wrote, with fewer colours."""

from PIL import Image

from infra.local.child import ROOT

CHOSEN = {"large-dark": "fleet", "model-light": "model", "node-dark": "node", "live-dark": "live"}
COLOURS = 160
WRITTEN, SHOWN = ROOT / "build" / "ui", ROOT / "docs" / "images"


def main() -> None:
    """Write them."""
    SHOWN.mkdir(exist_ok=True)
    for source, name in CHOSEN.items():
        with Image.open(WRITTEN / f"{source}.png") as picture:
            few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(SHOWN / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
