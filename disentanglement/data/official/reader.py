"""What a reader of an official file says of itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.location import listed

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Finds and reads the files of one data set; nothing is ever downloaded.

    Attributes:
        label: The data set's name in tables.
        files: The names that its files may have in a folder; any one of them is enough.
        source: Where to get them: a URL.
        licence: Their licence, in a few words.
        images: How many images `load` returns.
        image_shape: Their height, width and channels.
        find: Return the file to load in a folder, None if there is none.
        load: Read the file that `find` returned; called with it and a function that takes lines for
            the user. Raises UserError if the file cannot be used.
    """

    label: str
    files: tuple[str, ...]
    source: str
    licence: str
    images: int
    image_shape: tuple[int, int, int]
    find: Callable[[Path], Path | None]
    load: Callable[[Path, Say], ImageArrays]

    def missing(self, folders: Sequence[Path]) -> str:
        """Return the line for a user whose `folders` lack the files; the last one is advised."""
        return (
            f"no {self.label} in {listed(list(folders))}: get {' or '.join(self.files)} from "
            f"{self.source} (licence: {self.licence}) and put it into {folders[-1]}"
        )


def find_first(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first of these files that the folder holds, None if it holds none."""
    return next((folder / name for name in names if (folder / name).is_file()), None)
