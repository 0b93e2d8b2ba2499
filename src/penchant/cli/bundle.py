"""A home's bundle, ready to answer."""

from penchant.cli.home import HomeFolder
from penchant.models.recommender import Recommender
from penchant.models.saved import read
from penchant.schema.errors import BundleError
from penchant.schema.rankers import RankerName
from penchant.storage.bundles import Bundle


def read_bundle(home: HomeFolder, bundle: str, ranker: RankerName | None = None) -> tuple[Recommender, Bundle]:
    """A verified bundle and its model, which looks for files (images of new items) where the recipe is.

    A network's candidates are judged by `ranker`, by what its recipe says when None.

    Raises:
        BundleError: when there is none, or it is not what was made.
    """
    store = home.bundles()
    if not store.versions():
        raise BundleError(f"bundles in '{home.path}'", must="at least one", came="none", do="Make one with: penchant train RECIPE")
    opened = store.open(bundle)
    return read(opened.path, home.recipe_folder, ranker), opened
