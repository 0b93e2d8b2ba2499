"""DeepCF, DLCMF and MF-BPR: what is hidden from them, their losses by hand, and what they learn."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.deep_cf import CFNet, DeepCF
from penchant.models.collaborative.descriptions import description_columns, word_sequences
from penchant.models.collaborative.dlcmf import DLCMF, squared_lists
from penchant.models.collaborative.held_back import HeldBack, Hiding, Learning, ListModel, Lists, list_softmax
from penchant.models.collaborative.interactions import interactions
from penchant.models.collaborative.mf_bpr import MFBPR, AttentiveBPR, FactorisationMachine, Reader, pairwise
from penchant.models.collaborative.towers import Tower, scaled_rows
from penchant.models.contract import check_recommender
from penchant.models.queries import Queries
from penchant.schema.errors import DataError
from penchant.schema.sections.training import TrainingSettings
from tests.models.collaborative.worlds import LINES, told_worlds, world_of
from tests.small_data import NEXT, NOON, dataset, two_worlds

QUICK: dict[str, Any] = {"width": 8, "epochs": 30, "batch_users": 8, "learning_rate": 0.02, "dropout": 0.0}
MODELS: list[type[ListModel]] = [DeepCF, DLCMF, MFBPR]


def titled() -> tuple[Dataset, Dataset]:
    """The told worlds, whose titles are read."""
    return told_worlds(LINES + 'item.title = { kind = "topics", topics = 2, minimum_texts = 1 }\n')


def asked(data: Dataset, users: list[str], before: int | None = None) -> Queries:
    queries = Queries.now(data.log, users, pl.DataFrame({"timestamp": [NOON] * len(users)}))
    begin = np.where(queries.user < 0, 0, data.log.offsets[queries.user])
    return queries if before is None else Queries(queries.log, queries.user, np.where(queries.user < 0, 0, begin + before), queries.moment)


def lists(**changes: Any) -> Lists:
    """Two users and four items: the first user is asked for item 0 and has seen 1, the second is asked for 1 and 3."""
    hidden = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 1]], dtype=torch.bool)
    wanted = torch.tensor([[1, 1, 0, 0], [0, 1, 0, 1]], dtype=torch.bool)
    rows = csr_array((2, 4), dtype=np.float32)
    given = {"histories": rows, "owners": np.arange(2), "items": np.arange(4), "columns": rows.T, "hidden": hidden, "wanted": wanted}
    return Lists(**(given | changes))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("settings", [{"negatives": 3, "batch_users": 4}, {"hidden_items": "later", "hide": 0.3, "recency": 0.8}])
def test_that_it_keeps_the_contract_with_what_is_told(model: type[ListModel], settings: dict[str, Any]) -> None:
    check_recommender(model(**({"epochs": 2} | settings)), titled()[1])


@pytest.mark.parametrize("towers", ["representation", "matching"])
def test_that_a_single_tower_keeps_the_contract(towers: str) -> None:
    check_recommender(DeepCF(epochs=2, towers=towers, told=False), dataset(two_worlds(users=12)))  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("hidden_items", ["any", "later"])
def test_that_two_worlds_are_told_apart_by_history_portrait_and_content(model: type[ListModel], hidden_items: str) -> None:
    data, train = titled()
    fitted = model(**QUICK, hidden_items=hidden_items).fit(train)
    worlds, new = np.array(world_of(data.log.items["item_id"])), [f"u{user}" for user in range(30, 40)]
    own = np.array(world_of(pl.Series(new)))[:, None] == worlds
    for before in (3, 0):  # by history and portrait, by portrait alone
        scores = fitted.scores(asked(data, new, before))
        np.testing.assert_array_equal(own[np.arange(10), scores.argmax(axis=1)], True)
    cold = ~np.isin(np.arange(len(worlds)), train.log.item[train.rows])
    scores = fitted.scores(asked(data, new, 3))[:, cold]
    assert cold.sum() == 4
    assert scores[own[:, cold]].mean() > scores[~own[:, cold]].mean()


@pytest.mark.parametrize("model", [*MODELS, lambda **settings: DeepCF(told=False, **settings)])
def test_that_strangers_are_known_by_their_history_alone(model: Any) -> None:
    data = dataset(two_worlds(events=5))
    strangers = data.log.user % 5 == 0
    fitted = model(**QUICK).fit(data.part(np.flatnonzero(~strangers)))
    table = fitted.recommend(data.log.users["user_id"].to_list(), 1)
    same = np.equal(world_of(table["user_id"]), world_of(table["item_id"]))
    assert same.mean() > 0.95


def test_that_the_best_epoch_of_the_validation_part_is_kept() -> None:
    train, valid, _ = dataset(two_worlds()).split_last(1, 1)
    model = DeepCF(**QUICK | {"patience": 2}).fit(train, valid)
    curve = [row["ndcg@10"] for row in model.progress_.curves]
    assert model.progress_.best == max(curve)
    assert model.progress_.finished == "patience"


def test_that_nothing_wanted_is_refused() -> None:
    data = dataset(two_worlds(), NEXT + 'positive_where = "timestamp < 0"\n')
    with pytest.raises(DataError, match="at least one wanted event"):
        DeepCF().fit(data)


def test_that_any_hides_each_item_with_its_chance_and_weighs_what_is_left_by_age() -> None:
    place, count = np.tile(np.arange(4), 5000), np.full(20_000, 4)
    weight, hidden = Hiding("any", 0.3, 0.5).of(place, count, np.random.default_rng(0))
    assert hidden.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(weight, np.where(hidden, 0, 0.5 ** (3 - place)))


def test_that_later_hides_all_from_a_moment_on_and_asks_for_the_next() -> None:
    place, count = np.tile(np.arange(5), 4000), np.full(20_000, 5)
    weight, hidden = (each.reshape(-1, 5) for each in Hiding("later", 0.4, 0.5).of(place, count, np.random.default_rng(0)))
    cut = (weight > 0).sum(axis=1)
    assert np.bincount(cut, minlength=5) == pytest.approx(np.full(5, 800), abs=100)  # from nothing known to all but one
    for row, at in enumerate(cut):
        np.testing.assert_allclose(weight[row], [0.5 ** (at - 1 - k) if k < at else 0 for k in range(5)])
        np.testing.assert_array_equal(hidden[row], [at <= k < at + 2 for k in range(5)])


def test_that_a_batch_sees_neither_what_is_hidden_nor_itself_among_an_items_audience() -> None:
    data = dataset(two_worlds(users=12))
    model = DeepCF(epochs=1).fit(data)
    how = Learning(TrainingSettings(negatives=6, seed=1), 5, Hiding("any", 0.5, 1.0), 9)
    objective = HeldBack(model, data, how)
    assert sorted(np.concatenate(objective.epoch(0)).tolist()) == list(range(12))
    assert [batch.tolist() for batch in objective.epoch(0)] == [batch.tolist() for batch in objective.epoch(0)]
    assert objective.epoch(0)[0].tolist() != objective.epoch(1)[0].tolist()
    users = objective.epoch(0)[0]
    found, had = objective.lists(users, np.random.default_rng(0)), objective.columns.toarray().T
    assert len(found.items) == 6
    np.testing.assert_array_equal(found.wanted.numpy(), had[users][:, found.items] > 0)
    left, hidden = found.histories.toarray()[:, found.items] > 0, found.hidden.numpy()
    np.testing.assert_array_equal(left ^ hidden, found.wanted.numpy())
    assert hidden.any()
    audience = found.columns.toarray()
    assert not audience[:, users].any()
    others = np.setdiff1d(np.arange(12), users)
    np.testing.assert_array_equal(audience[:, others], had[others][:, found.items].T)


def test_that_items_nobody_had_are_never_drawn() -> None:
    _, train = told_worlds()
    objective = HeldBack(DeepCF(epochs=1).fit(train), train, Learning(TrainingSettings(), 5, Hiding("any", 0.5, 1.0), 9))
    found = objective.lists(np.arange(3), np.random.default_rng(0))
    np.testing.assert_array_equal(found.items, np.unique(train.log.item[train.rows]))


def test_that_the_softmax_of_lists_is_its_formula_by_hand() -> None:
    scores = torch.tensor([[1.0, 5.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0]])
    first = np.log(np.exp([1.0, 0.0, 2.0]).sum()) - 1  # what was seen does not count
    whole = np.log(np.exp([0.0, 1.0, 2.0, 3.0]).sum())
    assert list_softmax(scores, lists()).item() == pytest.approx((first + whole - 1 + whole - 3) / 3, rel=1e-5)
    scaled = list_softmax(scores, lists(), user_scaling=1.0).item()
    assert scaled == pytest.approx((first + (whole - 1 + whole - 3) / 2) / 2, rel=1e-5)
    nobody = lists(hidden=torch.zeros(2, 4, dtype=torch.bool))
    assert list_softmax(scores, nobody).item() == 0


def test_that_the_squared_loss_of_lists_is_its_formula_by_hand() -> None:
    scores = torch.tensor([[0.5, 9.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    hidden, everywhere = 0.25 + 0 + 4, 0.25 + 1 + 0 + 0 + 1 + 4 + 9
    assert squared_lists(scores, lists(), 0.1).item() == pytest.approx((hidden + 0.1 * everywhere) / 3)


def test_that_the_pairwise_loss_is_its_formula_by_hand() -> None:
    scores = torch.tensor([[1.0, 5.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0]])
    found = pairwise(scores, lists(), 200, np.random.default_rng(0)).item()  # of 200 drawn, every item is among them
    gaps = np.array([1.0 - 2.0, 1.0 - 2.0, 3.0 - 2.0])  # never against what is wanted
    assert found == pytest.approx(np.log1p(np.exp(-gaps)).mean(), rel=1e-5)
    all_wanted = lists(wanted=torch.ones(2, 4, dtype=torch.bool))
    assert pairwise(scores, all_wanted, 5, np.random.default_rng(0)).item() == 0


def test_that_the_fused_towers_are_both_formulas_added() -> None:
    torch.manual_seed(0)
    net = CFNet((4, 2), (3, 0), {"representation": (5, 3), "matching": (3, 2)}, dropout=0.0, scaling=1.0, direct=True)
    random = np.random.default_rng(0)
    rows, told, columns = (csr_array(random.random(shape).astype(np.float32)) for shape in ((2, 4), (2, 2), (4, 3)))
    users, items = net.users(rows, told), net.items(columns, csr_array((4, 0)))
    scores = net(users, items)
    assert net.match is not None
    for u in range(2):
        for i in range(4):
            represented = (users[u, :3] * items[i, :3] * net.fuse[:3]).sum()
            matched = (torch.relu(net.match(torch.relu(users[u, 3:] + items[i, 3:]))) * net.fuse[3:]).sum()
    assert scores[u, i].item() == pytest.approx((represented + matched).item(), abs=1e-5)


def test_that_the_towers_start_as_the_strongest_directions() -> None:
    train = dataset(two_worlds(users=12, events=5))
    matrix, width = interactions(train).toarray(), 3
    net = CFNet((matrix.shape[1], 0), (matrix.shape[0], 0), {"representation": (5, width), "matching": (4, 2)}, 0.0, 0.5, direct=True)
    net.start(csr_array(matrix), seed=0)
    users = net.users(csr_array(matrix), csr_array((len(matrix), 0)))
    items = net.items(csr_array(matrix.T), csr_array((matrix.shape[1], 0)))
    scores = net(users, items).detach().numpy()
    directions = np.linalg.svd(matrix)[2][:width].T
    expected = (matrix @ directions @ directions.T) / np.outer(matrix.sum(axis=1) ** 0.25, matrix.sum(axis=0) ** 0.25)
    np.testing.assert_allclose(scores / scores.std(), expected / expected.std(), atol=2e-3)
    assert scores.std() == pytest.approx(2, rel=1e-2)


def test_that_deep_cf_knows_something_before_it_has_learnt() -> None:
    data = dataset(two_worlds(events=5))
    right = {}
    for start in ("spectral", "random"):
        model = DeepCF(told=False, width=4, epochs=1, learning_rate=1e-9, start=start)  # type: ignore[arg-type]
        table = model.fit(data).recommend(data.log.users["user_id"].to_list(), 1)
        right[start] = np.equal(world_of(table["user_id"]), world_of(table["item_id"])).mean()
    assert right["spectral"] > 0.95
    assert right["random"] < 0.8


def test_that_deep_cf_weighs_users_as_it_is_told() -> None:
    events = two_worlds(events=5)
    data = dataset(events).part(np.arange(3, len(events)))  # the first user has fewer events than the others
    one, other = (DeepCF(told=False, epochs=1, user_scaling=scaling).fit(data).progress_.curves[0] for scaling in (0.0, 1.0))
    assert one["loss.lists"] != other["loss.lists"]


def test_that_a_direct_path_is_added_to_the_layers() -> None:
    torch.manual_seed(0)
    tower = Tower(3, 0, (4, 2), 0.0, scaling=0.0, direct=True)
    rows = csr_array(np.array([[1.0, 0.0, 2.0]], dtype=np.float32))
    assert tower.direct is not None
    np.testing.assert_allclose(
        tower(rows, csr_array((1, 0))).detach(), (tower.direct.weight[0] + 2 * tower.direct.weight[2])[None].detach()
    )
    torch.nn.init.ones_(tower.layers[0].bias)
    assert tower(rows, csr_array((1, 0)))[0, 0] == tower.direct(rows)[0, 0] + 1


def test_that_rows_keep_some_of_their_length() -> None:
    rows = csr_array(np.array([[1.0, 1, 1, 1], [0, 0, 0, 0]], dtype=np.float32))
    np.testing.assert_allclose(scaled_rows(rows, 0.5).toarray(), [[2**-0.5] * 4, [0] * 4], rtol=1e-6)


def test_that_a_tower_is_its_layers_over_dense_rows() -> None:
    torch.manual_seed(0)
    tower = Tower(4, 2, (3, 2), 0.0)
    rows = csr_array(np.array([[3.0, 0, 4, 0], [0, 0, 0, 0]], dtype=np.float32))
    told = csr_array(np.array([[0.0, 2], [1, 0]], dtype=np.float32))
    assert tower.told is not None
    dense = torch.tensor([[0.6, 0, 0.8, 0], [0, 0, 0, 0]])
    first = dense @ tower.had.weight + torch.from_numpy(told.toarray()) @ tower.told.weight + tower.bias
    expected = tower.layers[0](torch.relu(first))
    torch.testing.assert_close(tower(rows, told), expected)


def test_that_rows_are_brought_to_a_length_of_one() -> None:
    rows = csr_array(np.array([[0, 0], [3, 4], [0, 0], [2, 0], [0, 0]], dtype=np.float32))
    np.testing.assert_allclose(scaled_rows(rows).toarray(), [[0, 0], [0.6, 0.8], [0, 0], [1, 0], [0, 0]], rtol=1e-6)


def test_that_the_factorisation_machine_is_all_its_pairs() -> None:
    torch.manual_seed(0)
    machine = FactorisationMachine(4, 3)
    x = np.array([0.5, 0.0, 2.0, 1.0], dtype=np.float32)
    found = machine(csr_array(x[None]))[0].detach().numpy()
    single, paired = (layer.weight.detach().numpy() for layer in (machine.single, machine.paired))
    expected = x @ single + sum(x[a] * x[b] * paired[a] * paired[b] for a in range(4) for b in range(a + 1, 4))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_that_attention_mixes_only_the_parts_there_are() -> None:
    torch.manual_seed(0)
    net = AttentiveBPR(items=3, portraits=0, contents=2, words=5, width=4, dropout=0.0)
    users, parts = torch.randn(2, 4), torch.randn(3, 3, 4)
    present = torch.tensor([[1, 1, 1], [0, 1, 0], [0, 0, 0]], dtype=torch.bool)
    bias = torch.tensor([0.0, 0.5, 0.0])
    scores = net(users, parts, present, bias).detach()
    keys = torch.einsum("uw,kwv->ukv", users, net.keys).detach()
    for u in range(2):
        chance = torch.softmax(torch.stack([keys[u, k] @ parts[0, k] for k in range(3)]), dim=0)
        mixed = sum(chance[k] * (users[u] @ parts[0, k]) for k in range(3))
        assert scores[u, 0].item() == pytest.approx(float(mixed), abs=1e-5)  # type: ignore[arg-type]
        assert float(scores[u, 1]) == pytest.approx(float(users[u] @ parts[1, 1]) + 0.5, abs=1e-5)
        assert float(scores[u, 2]) == 0


def test_that_a_description_is_read_in_order_and_not_beyond_its_end() -> None:
    torch.manual_seed(0)
    reader = Reader(9, 6)
    words = torch.tensor([[1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0], [0] * 12])
    words[1, :5] = words[1, :5].flip(0)
    with torch.no_grad():
        whole, short = reader(words), reader(words[:, :8])
    torch.testing.assert_close(whole, short)
    assert not torch.allclose(whole[0], whole[1])
    assert not whole[2].any()


def test_that_words_are_numbered_by_how_many_descriptions_hold_them() -> None:
    events = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "timestamp": [NOON, NOON + 1, NOON]}
    items = {"item_id": ["x", "y", "z", "w"], "plot": ["Sea, sea of the old sea!", "the sea", "the unheard sea the of", None]}
    data = dataset(events, NEXT + '[features]\nitem.plot = { kind = "topics" }\n', None, items)
    train = data.part(data.log.time.argsort()[:3])
    rows = [data.log.items["item_id"].index_of(name) for name in "xyzw"]
    found, known = word_sequences(train, 5, 9)
    assert known == 4  # sea and the are in two descriptions, of and old in one; "unheard" is in none of the part's
    np.testing.assert_array_equal(found[rows], [[1, 1, 3, 2, 4], [2, 1, 0, 0, 0], [2, 1, 2, 3, 0], [0] * 5])
    assert word_sequences(train, 2, 1)[0][rows].tolist() == [[1, 1], [1, 0], [1, 0], [0, 0]]


def test_that_the_title_is_the_description_where_no_text_is_read() -> None:
    assert description_columns(told_worlds()[0].recipe) == []
    assert description_columns(titled()[0].recipe) == ["title"]
