"""Images as samples: the numbers of the pixels as the file holds them; what cannot be so is refused or said."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import MEMORY, room
from mgdl_theory.errors import OptionError, told
from mgdl_theory.text import count, float_text

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".pnm")
"""Definition: endings of images."""

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
"""Definition: what a file with such an ending may be."""

CHANNELS = {"luminance": (0.299, 0.587, 0.114), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
"""Definition: weights of red, green and blue; those of luminance are the ones of ITU-R BT.601."""

BITS, PHOTOMETRIC, ORIENTATION, SAMPLE_FORMAT, GDAL_METADATA, GDAL_NODATA = 258, 262, 274, 339, 42112, 42113
"""Definition: tags of TIFF."""


def read_image(
    path: Path, channel: str | None = None, limit: int = MEMORY, fill: float | None = None
) -> tuple[NDArray[Any], str, list[str]]:
    """(samples, name of the channel of a colour image, what was made of the file), x to the right and y upwards.

    Raises
    ------
    OptionError
        If it is no image, is damaged or too large, or holds numbers that would be changed: more than 8 bits of a
        colour, or pixels that the file itself calls empty.
    """
    notes: list[str] = []
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            for category in (UserWarning, RuntimeWarning):  # what Pillow warns of is not read as it stands
                warnings.simplefilter("error", category)
            deep = _deep(file)
            pixels, holes = deep(file, limit, notes) if deep else _pixels(file, limit, notes)
    except OptionError as error:
        raise OptionError(f"{str(path)!r}: {error}") from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything at damaged files
        raise OptionError(f"{str(path)!r} is not an image that can be read: {told(error)}") from None
    if holes is not None and holes.any():
        pixels = _filled(path, pixels, holes, fill, notes)
    return _oriented(pixels, channel, notes, repr(str(path)))


def _oriented(
    pixels: NDArray[Any], channel: str | None, notes: list[str], name: str
) -> tuple[NDArray[Any], str, list[str]]:
    """One channel, x to the right and y upwards."""
    if pixels.ndim == 2:
        if channel is not None:
            raise OptionError(f"--channel: {name} is a grey image and has no {channel[:40]}")
        return np.ascontiguousarray(pixels[::-1].T), "", notes
    chosen = channel or "luminance"
    if chosen not in CHANNELS:
        raise OptionError(f"--channel: expected one of {', '.join(CHANNELS)}, got {chosen[:40]!r}")
    if channel is None:
        notes.insert(0, "luminance of a colour image, 0.299 R + 0.587 G + 0.114 B; --channel takes another")
    total = np.zeros(pixels.shape[:2])
    for k, weight in enumerate(CHANNELS[chosen]):
        total += weight * pixels[..., k]
    return np.ascontiguousarray(total[::-1].T), chosen, notes


def _deep(file: IO[bytes]) -> Callable[[IO[bytes], int, list[str]], Any] | None:
    """The reader of a file whose pixels Pillow would cut or does not know: 16 bits of a colour, doubles."""
    start = file.read(33)
    file.seek(0)
    if start.startswith(b"\x89PNG") and start[24:26] in (b"\x10\x02", b"\x10\x06"):
        return _deep_png
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        from PIL import Image

        try:
            with Image.open(file, formats=("TIFF",)) as image:
                bits = tuple(dict(image.tag_v2).get(BITS, (1,)))  # type: ignore[attr-defined]
                known = max(bits) <= 8 or image.mode.startswith(("I", "F"))
        except Exception:  # noqa: BLE001 - decoders raise anything at what they do not know
            known = False
        finally:
            file.seek(0)
        return None if known else _deep_tiff
    return None


def _deep_png(file: IO[bytes], limit: int, notes: list[str]) -> tuple[NDArray[Any], None]:
    """A PNG of 16 bits for each colour, by pypng."""
    try:
        import png
    except ImportError:
        raise OptionError(
            "16 bits of a colour need pypng: pip install 'mgdl-theory[files]'; or save the array as .npy"
        ) from None
    size = file.seek(0, 2)
    file.seek(0)
    columns, rows, lines, info = png.Reader(file=file).asDirect()
    _require_room(columns, rows, size, limit)
    pixels = np.vstack([np.asarray(line, dtype=np.uint16) for line in lines]).reshape(rows, columns, info["planes"])
    if info["alpha"]:
        notes.append("transparency is not looked at")
    return pixels[..., :3], None


def _deep_tiff(file: IO[bytes], limit: int, notes: list[str]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """A TIFF that Pillow does not read in full, by tifffile: doubles, 16 bits of a colour."""
    try:
        import tifffile
    except ImportError:
        raise OptionError(
            "64 bits, or 16 of a colour, need tifffile: pip install 'mgdl-theory[files]'; or save the array as .npy"
        ) from None
    size = file.seek(0, 2)
    file.seek(0)
    with tifffile.TiffFile(file) as image:
        if len(image.pages) != 1:
            raise OptionError(f"it holds {len(image.pages)} images; save one of them by itself")
        page: Any = image.pages[0]
        _require_room(page.imagewidth, page.imagelength, size, limit)
        tags = {tag.code: tag.value for tag in page.tags}
        if tags.get(ORIENTATION, 1) != 1:
            raise OptionError("its orientation is not that of rows from the top; turn it and save it again")
        pixels = page.asarray()
        if not pixels.size or pixels.ndim not in (2, 3):
            raise OptionError(f"it holds an array of shape {pixels.shape}, which is no image")
        if pixels.ndim == 3 and page.planarconfig == 2:
            pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3:
        if pixels.shape[2] < 3 or tags.get(PHOTOMETRIC) != 2:
            raise OptionError(f"it holds {pixels.shape[2]} bands that are no colours; save one of them by itself")
        if pixels.shape[2] > 3:
            notes.append(f"further bands of the file are not looked at ({pixels.shape[2] - 3})")
        pixels = pixels[..., :3]
    return pixels, _holes(pixels, tags.get(GDAL_NODATA))


def _require_room(columns: int, rows: int, size: int, limit: int) -> None:
    """Refuse an image that is too large for its file or for the limit."""
    needed = 8 * columns * rows
    if needed > room(size, limit):
        raise OptionError(
            f"{columns} x {rows} pixels need {needed:,} bytes, more than the {room(size, limit):,} "
            f"allowed for a file of {size:,}; raise the memory limit, or save the array as .npy"
        )


def _filled(
    path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_], fill: float | None, notes: list[str]
) -> NDArray[Any]:
    """The pixels with their holes filled on request; refused otherwise."""
    if fill is None or pixels.ndim != 2:
        turned = holes[::-1].T
        at = tuple(int(k) for k in np.unravel_index(int(np.argmax(turned)), turned.shape))
        raise OptionError(
            f"{str(path)!r}: {count(int(holes.sum()), 'pixel')} marked as holes (GDAL_NODATA), first at index {at}; "
            "fill them first, cut them off, or say --fill VALUE"
        )
    notes.append(f"{count(int(holes.sum()), 'pixel')} without data filled with {float_text(fill)}")
    return np.where(holes, np.float64(fill), pixels)


def _pixels(file: IO[bytes], limit: int, notes: list[str]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The pixels, rows downwards, and which of them the file calls holes; ``notes`` is added to."""
    from PIL import Image

    start = file.read(256)
    size = file.seek(0, 2)
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        _require_room(image.width, image.height, size, limit)
        if (frames := getattr(image, "n_frames", 1)) != 1:
            raise OptionError(f"it holds {frames} images; save one of them by itself")
        tags: dict[int, Any] = dict(getattr(image, "tag_v2", {}))
        bits = tuple(tags.get(BITS, (1,))) if tags else (start[24],) if image.format == "PNG" else (8,)
        if image.format == "PPM":
            bits = _bits_of_ppm(start, image.mode)
        if max(bits) > 8 and not image.mode.startswith(("I", "F")):
            raise OptionError(
                f"{max(bits)} bits of an image of mode {image.mode} would be cut to 8; "
                "save one channel as a grey image of 16 bits, or the array as .npy"
            )
        pixels = _converted(image, bits, tags, notes)
    if bits == (8,) and tags.get(SAMPLE_FORMAT) == (2,):
        pixels = pixels.view(np.int8)
    if bits == (32,) and tags.get(SAMPLE_FORMAT, (1,)) == (1,):
        pixels = pixels.view(np.uint32)
    return pixels, _holes(pixels, tags.get(GDAL_NODATA))


def _converted(image: Any, bits: tuple[int, ...], tags: dict[int, Any], notes: list[str]) -> NDArray[Any]:
    """The pixels of a Pillow image as numbers: grey as it is, all else as red, green and blue."""
    from PIL import ImageOps

    mode = image.mode
    _remarks(image, bits, tags, notes)
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        notes.append("turned as its EXIF orientation says")
        ImageOps.exif_transpose(image, in_place=True)  # Pillow has done so for TIFF
    if mode in ("LA", "La"):
        return np.asarray(image.convert("LA"))[..., 0]
    if mode in ("1", "L", "F") or mode.startswith("I"):
        return np.array(image)
    return np.asarray(image.convert("RGB"))


def is_picture(source: Any) -> bool:
    """Whether this is an image of Pillow, which need not be imported for that."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(source, pillow.Image)


def read_picture(image: Any, channel: str | None = None) -> tuple[NDArray[Any], str, list[str]]:
    """The same as :func:`read_image` of an image that Pillow has opened or made."""
    notes: list[str] = []
    return _oriented(_converted(image.copy(), (8,), {}, notes), channel, notes, "the image")


def _bits_of_ppm(start: bytes, mode: str) -> tuple[int]:
    """Bits of a sample of a .pgm or .ppm file, whose samples are refused where Pillow would scale them."""
    most = int(re.sub(rb"#[^\n]*\n", b" ", start).split()[3]) if start[1:2] in b"2356" else 1
    if most not in (1, 255) and not (most == 65535 and mode.startswith("I")):
        raise OptionError(f"its samples go up to {most} and would be scaled; save the array as .npy")
    return (16 if most > 255 else 8,)


def _remarks(image: Any, bits: tuple[int, ...], tags: dict[int, Any], notes: list[str]) -> None:
    """What becomes of a file whose pixels are not simply samples."""
    bands = image.getbands()
    alpha = image.getchannel("A").getextrema()[0] < 255 if "A" in bands else "a" in bands
    if alpha or image.info.get("transparency") is not None:
        notes.append("transparency is not looked at")
    if len(bits) > len(bands):
        notes.append(f"further bands of the file are not looked at ({len(bits) - len(bands)})")
    if image.mode in ("P", "PA"):
        notes.append("the colours of a palette, not the numbers of its entries")
    elif image.mode not in ("1", "L", "LA", "La", "F", "RGB", "RGBA", "RGBa", "RGBX") and image.mode[0] != "I":
        notes.append(f"{image.mode} made RGB, in whole numbers")
    if image.mode == "1":
        notes.append("pixels of one bit: black 0, white 1")
    elif image.mode == "L" and max(bits) in (2, 4):
        notes.append(f"pixels of {max(bits)} bits, scaled to 0 to 255")
    if tags and tags.get(PHOTOMETRIC) == 0:
        made = "as stored" if image.mode[0] in "IF" else "turned round, so that white is largest"
        notes.append(f"the file counts white as 0; samples {made}")
    scaled = re.findall(
        r'role="(?:scale|offset)"[^<>]{0,99}>([^<>]{1,99})<', str(tags.get(GDAL_METADATA, ""))[:100_000]
    )
    if any(text.strip() not in ("0", "1", "0.0", "1.0") for text in scaled):
        notes.append(f"the file gives a scale or an offset ({', '.join(map(repr, scaled[:2]))}); samples as stored")


def _holes(pixels: NDArray[Any], text: Any) -> NDArray[np.bool_] | None:
    """Where the pixels are what the file writes for no data."""
    if text is None:
        return None
    try:
        value = float(str(text).strip("\0 "))
    except ValueError:
        raise OptionError(f"its mark for pixels without data (GDAL_NODATA) is {str(text)[:40]!r}, no number") from None
    with np.errstate(over="ignore"):
        mark = np.float32(value) if pixels.dtype.kind == "f" else np.float64(value)
    holes: NDArray[np.bool_] = np.asarray(np.isnan(pixels) if np.isnan(mark) else pixels == mark)
    return holes if holes.ndim == 2 else np.logical_and.reduce(holes, axis=-1)
