"""The field's standard data sets, read from their official files as they are."""

from disentanglement.data.official import cars3d, mpi3d, shapes3d, smallnorb
from disentanglement.data.official.reader import Reader

# By the names that configs use, e.g. data=shapes3d.
READERS: dict[str, Reader] = {
    "shapes3d": shapes3d.READER,
    "cars3d": cars3d.READER,
    "smallnorb": smallnorb.READER,
    **mpi3d.READERS,
}
