"""The data sets by name: what `--set data=NAME` means.

A name is one of the sets that the library knows, or that of a folder in data/, in the experiment's
folder or beside it, or a path. The number and shape of a set's images are known without loading it:
a config keeps the number of channels (`channels`), so that records and weights say everything that
is needed to build the networks again, wherever the data are.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from disentanglement.config import nearest
from disentanglement.data import npz
from disentanglement.data.cdsprites import dataset as cdsprites
from disentanglement.data.celeba import dataset as celeba
from disentanglement.data.dataset import Dataset
from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.data.dsprites.variants import VARIANTS, ScreamDSprites, read_picture
from disentanglement.data.fit import ImageFormat, check_shape
from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.image_set import dataset_of, usable_factors
from disentanglement.data.labels import DATA_LABELS
from disentanglement.data.location import listed, searched
from disentanglement.data.official import READERS
from disentanglement.data.own import read as own
from disentanglement.data.teapots import dataset as teapots
from disentanglement.data.teapots.generate import TRAIN
from disentanglement.errors import UserError

Say = Callable[[str], None]
DSPRITES, CDSPRITES, TEAPOTS, CELEBA = "dsprites", "cdsprites", "teapots", "celeba"
PICTURES = (".jpg", ".jpeg", ".png")
RESULTS = ("quick", "hour")  # folders of the experiments' configs in results/


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data set that was found, and is not loaded yet.

    Attributes:
        name: Its name, which is also that of its results' folder.
        folder: Where it is, if that must be said besides the name.
        images: How many images it has, None if that is known only once it is loaded.
        shape: Their height, width and channels as stored; None if they could not be found.
        labelled: Whether it has factors that metrics can use.
        load: Returns it as arrays, or as a data set if it is one already.
    """

    name: str
    folder: Path | None = None
    images: int | None
    shape: tuple[int, int, int] | None
    labelled: bool = True
    load: Callable[[ImageFormat, Say], Dataset | ImageArrays]

    def dataset(self, form: ImageFormat, say: Say = print) -> Dataset:
        """Load it for networks of this format; `say` is called with lines for the user."""
        found = self.load(form, say)
        return dataset_of(found, form, say) if isinstance(found, ImageArrays) else found


class Where(NamedTuple):
    """Where the sets that the library knows are looked for; see `location.GeneratedDataConfig`."""

    data_dir: str | Path | None
    generate: int | None = None


def find(text: str, data_dir: str | Path | None, experiment: Path) -> DataSource:
    """Find the data set that a config calls `text`.

    Args:
        text: A name in `BUILT_IN`, the name of a folder in data/, or a path (relative to the
            experiment's folder or to the one above) of a folder or an npz file.
        data_dir: The only folder to search, relative to the experiment's, or None.
        experiment: The experiment's folder.

    Raises:
        UserError: There is no such set, or it cannot be used.
    """
    experiment = Path(experiment).resolve()
    if known := BUILT_IN.get(text.lower()):
        return known(data_dir, experiment)
    return _own(text, data_dir, experiment)


def absent(text: str) -> DataSource:
    """Return what is known of a set that a config calls `text`, but that cannot be found."""
    name = text.lower() if text.lower() in BUILT_IN else Path(text).name.removesuffix(".npz")
    reader = READERS.get(name)

    def load(form: ImageFormat, say: Say) -> Dataset | ImageArrays:
        raise UserError(f"there is no data set '{text}'")

    return DataSource(
        name=name,
        folder=None if Path(text).name == text else Path(text),
        images=reader.images if reader else None,
        shape=reader.image_shape if reader else None,
        load=load,
    )


def _dsprites(data_dir: str | Path | None, experiment: Path) -> DataSource:
    where = Where(data_dir)
    dsprites.find(where, experiment)  # type: ignore[arg-type]  # it asks for data_dir only

    def load(form: ImageFormat, say: Say) -> Dataset | ImageArrays:
        data = dsprites.load_for(where, experiment, say)  # type: ignore[arg-type]
        if _fits(data.image_shape, form):
            return data
        pixels = np.unpackbits(data.bits, axis=1) * np.uint8(255)
        return ImageArrays(
            name="DSprites",
            images=pixels.reshape(-1, *data.image_shape),
            factor_names=tuple(data.factor_names),
            continuous=data.continuous,
            factor_sizes=tuple(data.factor_sizes),
        )

    return DataSource(
        name=DSPRITES, images=dsprites.NUM_IMAGES, shape=dsprites.DSprites.image_shape, load=load
    )


def _cdsprites(data_dir: str | Path | None, experiment: Path) -> DataSource:
    where = Where(data_dir)
    cdsprites.find(where, experiment)  # type: ignore[arg-type]  # it asks for data_dir only

    def load(form: ImageFormat, say: Say) -> Dataset | ImageArrays:
        data = cdsprites.load_for(where, experiment, say)  # type: ignore[arg-type]
        if _fits(data.image_shape, form):
            return data
        return ImageArrays(
            name="CdSprites",
            images=data.pixels * np.uint8(255),
            factor_names=data.factor_names,
            continuous=data.continuous,
            factor_sizes=data.factor_sizes,
        )

    shape = cdsprites.CdSprites.image_shape
    return DataSource(name=CDSPRITES, images=cdsprites.NUM_IMAGES, shape=shape, load=load)


def _teapots(data_dir: str | Path | None, experiment: Path) -> DataSource:
    return _teapots_in(TEAPOTS, teapots.find(Where(data_dir), experiment))


def _teapots_in(name: str, folder: Path, given: Path | None = None) -> DataSource:
    with (
        npz.open_npz(folder / TRAIN, own.ADVICE) as archive,
        npz.open_array(archive, "imgs") as array,
    ):
        count = array.shape[0]

    def load(form: ImageFormat, say: Say) -> Dataset | ImageArrays:
        data = teapots.load(folder)
        say(f"teapots from {folder}")
        if _fits(data.image_shape, form):
            return data
        latents = np.asarray(data.latents, np.float64)
        names = tuple(data.factor_names)
        return ImageArrays(
            name="Teapots",
            images=data.train,
            factor_names=names,
            continuous=(True,) * len(names),
            factors=latents,
        )

    shape = teapots.Teapots.image_shape
    return DataSource(name=name, folder=given, images=count, shape=shape, load=load)


def _celeba(data_dir: str | Path | None, experiment: Path) -> DataSource:
    path = celeba.find(Where(data_dir), experiment)
    assert path is not None, "no faces are asked for"

    def load(form: ImageFormat, say: Say) -> Dataset | ImageArrays:
        pixels = celeba.read(path)
        say(f"CelebA from {path}")
        return ImageArrays(name="CelebA", images=pixels)

    return DataSource(name=CELEBA, images=None, shape=celeba.SHAPE, labelled=False, load=load)


def _variant(name: str, data_dir: str | Path | None, experiment: Path) -> DataSource:
    """Return a variant of dSprites; `variants.ScreamDSprites` needs a picture."""
    kind, where = VARIANTS[name], Where(data_dir)
    dsprites.find(where, experiment)  # type: ignore[arg-type]
    picture = _picture(searched(experiment, data_dir, name)) if kind is ScreamDSprites else None

    def load(form: ImageFormat, say: Say) -> Dataset | ImageArrays:
        if not _fits(kind.image_shape, form):
            raise UserError(
                f"data={name}: its images are made 64x64 in colour while training, and the "
                f"networks of this experiment take others: choose an experiment on dSprites"
            )
        bits = dsprites.load_for(where, experiment, say).bits  # type: ignore[arg-type]
        if picture is None:
            return kind(bits)
        say(f"the picture behind the sprites is {picture}")
        return ScreamDSprites(bits, read_picture(picture))

    return DataSource(name=name, images=dsprites.NUM_IMAGES, shape=kind.image_shape, load=load)


def _picture(folders: list[Path]) -> Path:
    """Return the only picture in the first of these folders that holds any."""
    for folder in folders:
        found = sorted(p for p in folder.glob("*") if p.suffix.lower() in PICTURES)
        if len(found) > 1:
            raise UserError(f"{folder} holds {len(found)} pictures: leave one there")
        if found:
            return found[0]
    raise UserError(
        f"no picture to put behind the sprites in {listed(folders)}: put one "
        f"({', '.join(PICTURES)}) into {folders[-1]}"
    )


def _official(name: str, data_dir: str | Path | None, experiment: Path) -> DataSource:
    """Return one of the field's standard sets, read from its official file."""
    reader, folders = READERS[name], searched(experiment, data_dir, name)
    path = next(filter(None, map(reader.find, folders)), None)
    if path is None:
        raise UserError(reader.missing(folders))

    def load(form: ImageFormat, say: Say) -> ImageArrays:
        arrays = reader.load(path, say)
        if changes := form.changes(reader.image_shape):
            say(f"note: the images of {name} are {changes}")
        return arrays

    return DataSource(name=name, images=reader.images, shape=reader.image_shape, load=load)


# By name; each is called with data_dir and the experiment's folder.
BUILT_IN: dict[str, Callable[[str | Path | None, Path], DataSource]] = {
    DSPRITES: _dsprites,
    CDSPRITES: _cdsprites,
    TEAPOTS: _teapots,
    CELEBA: _celeba,
    **{name: functools.partial(_variant, name) for name in VARIANTS},
    **{name: functools.partial(_official, name) for name in READERS},
}


def _own(text: str, data_dir: str | Path | None, experiment: Path) -> DataSource:
    """Return the set in a folder, or in an npz file, of the user's own."""
    shared = [experiment / "data", experiment.parent / "data"]
    if data_dir is not None:
        base = experiment / data_dir
        places = [base, base / text]
    elif Path(text).name == text and not text.endswith(".npz"):
        places = [folder / text for folder in shared]
    else:
        places = [experiment / text, experiment.parent / text]
    places = list(dict.fromkeys(place.resolve() for place in places))
    place = next(filter(_is_set, places), None)
    if place is None:
        raise UserError(_missing(text, places, shared))
    name = place.stem if place.is_file() else place.name
    _check_name(name, place)
    given = None if place in [folder.resolve() / name for folder in shared] else place
    if (place / TRAIN).exists():
        return _teapots_in(name, place, given)
    path = place if place.is_file() else place / own.FILE
    found = own.contents(path)
    check_shape(found.shape[1:], path)

    def load(form: ImageFormat, say: Say) -> ImageArrays:
        arrays = own.read(path, name, form)
        say(f"{name} from {path}")
        if changes := form.changes(found.shape[1:]):
            say(f"note: the images of {name} are {changes}")
        return arrays

    blank = np.broadcast_to(np.uint8(0), found.shape)
    usable, _ = usable_factors(found.arrays(name, blank))
    count, *shape = found.shape
    return DataSource(
        name=name,
        folder=given,
        images=count,
        shape=(shape[0], shape[1], shape[2]),
        labelled=bool(usable),
        load=load,
    )


def _is_set(place: Path) -> bool:
    if place.is_file():
        return place.suffix == ".npz"
    return (place / own.FILE).is_file() or (place / TRAIN).is_file()


def _missing(text: str, places: list[Path], shared: list[Path]) -> str:
    """Return what to say, and to do, about a data set that is in none of these places."""
    for place in filter(Path.is_dir, places):
        if (place / ".parts").exists():
            return (
                f"{place} holds an unfinished set: run the same "
                "`python -m disentanglement.data prepare` command again"
            )
        return (
            f"{place} holds no {own.FILE}: prepare its pictures with: python -m "
            f"disentanglement.data prepare {place} --out {shared[-1] / f'{place.name}_64'}"
        )
    there = [path.name for folder in shared for path in sorted(folder.glob("*")) if _is_set(path)]
    known = [*BUILT_IN, *there]
    hint = "" if text in known else nearest(text, known)
    return (
        f"no data set '{text}' in {listed(places)}: data is one of {', '.join(known)}, or a folder "
        f"that `python -m disentanglement.data prepare` has made{hint}"
    )


def _check_name(name: str, place: Path) -> None:
    """Raise UserError if a set's name would be taken for another's, in tables or in results/."""
    labels = [*BUILT_IN, *RESULTS, *DATA_LABELS, *DATA_LABELS.values()]
    if name.lower() in map(str.lower, labels):
        raise UserError(f"{place}: '{name}' is the name of something else here: rename it")
    if name.startswith(".") or "," in name or ".old-" in name:
        raise UserError(f"{place}: a set's name has no comma, '.old-' or leading dot: rename it")


def _fits(shape: tuple[int, int, int], form: ImageFormat) -> bool:
    return not form.changes(shape) and (form.low, form.high) == (0, 1)
