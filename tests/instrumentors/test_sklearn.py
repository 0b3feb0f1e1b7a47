# SPDX-License-Identifier: Apache-2.0
"""Models come from what they were fitted on, predictions from the model and its input, and from nothing else."""

import pickle
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
from model_plots import comes_from, record_models, written  # noqa: F401
from sklearn import datasets, metrics, model_selection
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import SVC
from table_plots import edges

PLOTS, BOTH = (["plots.csv"], True), (["fields.csv", "plots.csv"], True)
NOISE_TOO = (["fields.csv", "noise.csv", "plots.csv"], True)


class Centred(TransformerMixin, BaseEstimator):
    """Keeps a number of what it was fitted on."""

    def fit(self, table, target=None):
        self.middle = float(table["area"].mean())
        return self

    def transform(self, table):
        return table[["area"]] - self.middle


class Chosen(TransformerMixin, BaseEstimator):
    """Keeps nothing of what it was fitted on."""

    def __init__(self, columns):
        self.columns = columns

    def fit(self, table, target=None):
        return self

    def transform(self, table):
        return table[list(self.columns)]


def _read(name):
    table = pd.read_csv(f"{name}.csv")
    return table[["area", "tons"]], table["large"]


# With two steps, and with classes and functions that delegate.
MODELS = {
    "linear": lambda: LogisticRegression(),
    "pipeline": lambda: make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
    "union": lambda: make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", PCA(1))]), SGDClassifier()),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("a", StandardScaler(), ["area"]), ("b", "passthrough", ["tons"])]), LogisticRegression()
    ),
    "selection": lambda: make_pipeline(SelectKBest(k=1), KNeighborsClassifier(3)),
    "search": lambda: GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2),
    "forest": lambda: RandomForestClassifier(5, n_jobs=2),
    "voting": lambda: VotingClassifier([("a", LogisticRegression()), ("b", SVC())]),
    "delegating": lambda: SVC(),
    "own": lambda: make_pipeline(Centred(), LogisticRegression()),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_from_its_training_data_and_a_prediction_from_both(recorded, name):
    (table, target), (others, _) = _read("plots"), _read("noise")
    model = MODELS[name]()
    assert model.fit(table, _read("fields")[1]) is model
    assert comes_from(model) == BOTH
    assert comes_from(model.predict(others)) == NOISE_TOO
    # Of another training nothing is left.
    assert comes_from(model.fit(table, target)) == PLOTS
    assert comes_from(model.predict(table)) == PLOTS


TRANSFORMS = {
    "fit_transform": lambda model, a, b: model.fit_transform(a),
    "fit and transform": lambda model, a, b: model.fit(a).transform(a),
}


@pytest.mark.parametrize("how", TRANSFORMS)
@pytest.mark.parametrize("make", [StandardScaler, Normalizer, lambda: Chosen(["area"]), Centred, lambda: PCA(1)])
def test_a_transformer_that_sees_one_table_gives_what_comes_from_it(recorded, make, how):
    a, b = _read("plots")[0], _read("noise")[0]
    assert comes_from(TRANSFORMS[how](make(), a, b)) == PLOTS


@pytest.mark.parametrize(("make", "keeps"), [(StandardScaler, True), (Centred, True), (Normalizer, False)])
def test_only_a_transformer_that_keeps_something_brings_its_training_data(recorded, make, keeps):
    changed = make().fit(_read("plots")[0]).transform(_read("noise")[0])
    assert comes_from(changed) == ((["noise.csv", "plots.csv"], True) if keeps else (["noise.csv"], True))


def test_a_transformer_of_the_program_that_keeps_nothing_brings_nothing(recorded):
    changed = Chosen(["area"]).fit(_read("plots")[0]).transform(_read("noise")[0])
    assert comes_from(changed) == (["noise.csv"], True)


def test_frames_are_followed_through_set_output(recorded):
    scaler = StandardScaler().set_output(transform="pandas").fit(_read("plots")[0])
    changed = scaler.transform(_read("fields")[0])
    assert type(changed) is pd.DataFrame
    assert comes_from(changed) == BOTH


def test_each_part_of_a_split_comes_from_what_was_split(recorded):
    table, target = _read("plots")[0], _read("fields")[1]
    parts = model_selection.train_test_split(table, target, table["tons"].to_numpy(), stratify=_read("noise")[1])
    names = ["plots.csv", "plots.csv", "fields.csv", "fields.csv", "plots.csv", "plots.csv"]
    assert [comes_from(part) for part in parts] == [([name], True) for name in names]


def test_what_a_model_is_made_of_is_part_of_it(recorded):
    table, target = _read("plots")
    start = KMeans(2, init=_read("noise")[0].iloc[:2].to_numpy(), n_init=1).fit(table)
    assert comes_from(start) == (["noise.csv", "plots.csv"], True)
    looked_up = _read("noise")[0]
    added = FunctionTransformer(lambda table: table + looked_up).fit(table)
    assert comes_from(added.transform(table)) == (["noise.csv", "plots.csv"], True)
    kept = CalibratedClassifierCV(FrozenEstimator(LogisticRegression().fit(*_read("noise"))), cv=2).fit(table, target)
    assert comes_from(kept)[0] == ["noise.csv", "plots.csv"]


def test_what_a_model_of_the_program_looks_up_is_part_of_what_it_gives(recorded):
    class LookedUp(TransformerMixin, BaseEstimator):
        def fit(self, table, target=None):
            self.extra_ = pd.read_csv("fields.csv")
            return self

        def transform(self, table):
            return table.merge(pd.read_csv("noise.csv")[["area", "large"]], on="area").to_numpy()

    table = _read("plots")[0]
    model = LookedUp().fit(table)
    assert comes_from(model)[0] == ["fields.csv", "plots.csv"]
    assert comes_from(model.transform(table))[0] == ["fields.csv", "noise.csv", "plots.csv"]


class Doubled:
    """A step that is no estimator of the library's."""

    def __init__(self, table):
        self.table = table

    def fit(self, table, target=None):
        return self

    def transform(self, table):
        return table + self.table


@pytest.mark.parametrize(
    "make",
    [
        lambda other: make_pipeline(Doubled(other), LogisticRegression()),
        lambda other: make_pipeline(FunctionTransformer(partial(Doubled.transform, Doubled(other))), SVC()),
    ],
    ids=["step", "partial function"],
)
def test_what_an_object_in_a_model_brings_nobody_knows(recorded, make):
    table, target = _read("plots")
    model = make(_read("fields")[0].to_numpy()).fit(table, target)
    for found in (comes_from(model), comes_from(model.predict(table))):
        assert "plots.csv" in found[0]
        # Either the other table is seen, or that something is not seen.
        assert "fields.csv" in found[0] or not found[1]


def test_what_a_model_of_the_program_refers_to_is_part_of_what_it_gives(recorded):
    weights = _read("fields")[0]["tons"].to_numpy()

    class Weighted(TransformerMixin, BaseEstimator):
        def fit(self, table, target=None):
            return self

        def transform(self, table):
            return table.to_numpy() * weights[:, None]

    class Shifted(Weighted):
        def __init__(self, shift):
            self.shift = shift

        def transform(self, table):
            return table.to_numpy() + self.shift

    table, others = _read("plots")[0], _read("fields")[0].to_numpy()
    assert comes_from(Weighted().fit_transform(table)) == BOTH
    assert comes_from(Shifted(others).fit_transform(table)) == BOTH
    assert comes_from(Shifted(1).fit(others).transform(table)) == PLOTS


def test_a_model_that_was_cloned_or_searched_with_brings_nothing_of_before(recorded):
    before = LogisticRegression().fit(*_read("noise"))
    assert comes_from(clone(before)) is None
    table, target = _read("plots")
    assert comes_from(GridSearchCV(before, {"C": [1.0, 2.0]}, cv=2).fit(table, target)) == PLOTS
    assert comes_from(model_selection.cross_val_predict(before, table, target, cv=2)) == PLOTS
    assert comes_from(before) == (["noise.csv"], True)


def test_a_model_that_goes_on_learning_is_what_it_was_too(recorded):
    table, target = _read("plots")
    model = SGDClassifier()
    model.partial_fit(table, target, classes=target.unique())
    model.partial_fit(*_read("fields"))
    assert comes_from(model) == BOTH
    warm = LogisticRegression(warm_start=True).fit(*_read("plots")).fit(*_read("fields"))
    assert comes_from(warm) == BOTH


def test_what_is_computed_from_predictions_is_followed_and_a_number_is_not(recorded):
    table, target = _read("plots")
    predicted = LogisticRegression().fit(table, target).predict(table)
    assert comes_from(metrics.confusion_matrix(target, predicted)) == PLOTS
    assert [comes_from(part) for part in metrics.roc_curve(target, predicted)[:2]] == [PLOTS, PLOTS]
    assert comes_from(model_selection.cross_validate(SVC(), table, target, cv=2)["test_score"]) == PLOTS
    assert type(metrics.f1_score(target, predicted)) is float


def test_what_a_model_has_learnt_comes_from_its_training_data(recorded):
    model = LogisticRegression().fit(*_read("plots"))
    pd.DataFrame(model.coef_, columns=["area", "tons"]).to_csv("weights.csv")
    assert written(recorded)["weights.csv"] == (["plots.csv"], True)


def test_text_is_followed_into_a_sparse_matrix(recorded):
    words = _read("plots")[0]["area"].map(str) + " acres"
    assert comes_from(TfidfVectorizer().fit_transform(words)) == PLOTS
    # Nobody follows a list.
    assert comes_from(TfidfVectorizer().fit_transform(list(words))) == ([], False)


INCOMPLETE = {
    "plain list": lambda model, table, target: model.fit(table, target.tolist()).predict(table),
    "unknown array": lambda model, table, target: model.fit(np.ones((24, 2)), target).predict(table),
    "input from the code": lambda model, table, target: model.fit(table, target).predict([[1, 2], [3, 4]]),
    "changed in place": lambda model, table, target: _changed(model.fit(table, target).predict(table)),
    "unknown model": lambda model, table, target: pickle.loads(pickle.dumps(_unknown())).predict(table),
}


def _changed(predicted):
    predicted[0] = 9
    return predicted


def _unknown():
    return LogisticRegression().fit(np.arange(8).reshape(4, 2), [0, 1, 0, 1])


# The scikit-learn that learnt from a frame wants names of columns.
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("name", INCOMPLETE)
def test_what_comes_from_something_unknown_as_well_is_not_complete(recorded, name):
    assert comes_from(INCOMPLETE[name](LogisticRegression(), *_read("plots"))) == (["plots.csv"], False)


def test_a_saved_model_comes_from_its_training_data_and_what_it_predicts_from_the_file(recorded):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(*_read("plots"))
    joblib.dump(pipeline, "model.joblib")
    with open("model.pkl", "wb") as file:
        pickle.dump({"model": pipeline[-1], "of": pipeline[0]}, file)
    loaded = joblib.load("model.joblib")
    noise = _read("noise")[0]
    noise.assign(large=loaded.predict(noise)).to_csv("by_joblib.csv")
    noise.assign(large=loaded[-1].predict(loaded[0].transform(noise))).to_csv("by_parts.csv")
    with open("model.pkl", "rb") as file:
        parts = pickle.load(file)
    noise.assign(large=parts["model"].predict(parts["of"].transform(noise))).to_csv("by_pickle.csv")
    assert edges(recorded) == {
        ("plots.csv", "model.joblib", "flow"),
        ("plots.csv", "model.pkl", "flow"),
        *((source, "by_joblib.csv", "flow") for source in ("noise.csv", "model.joblib")),
        *((source, "by_parts.csv", "flow") for source in ("noise.csv", "model.joblib")),
        *((source, "by_pickle.csv", "flow") for source in ("noise.csv", "model.pkl")),
    }


def test_models_that_are_put_together_after_they_were_fitted_are_known(recorded):
    scaler = StandardScaler().fit(_read("plots")[0])
    model = LogisticRegression().fit(scaler.transform(_read("plots")[0]), _read("fields")[1])
    joblib.dump(Pipeline([("scaler", scaler), ("model", model)]), "model.joblib")
    assert written(recorded)["model.joblib"] == (["fields.csv", "plots.csv"], False)


def test_the_svmlight_format_is_read_and_written(recorded):
    table, target = _read("plots")
    datasets.dump_svmlight_file(table, target, "plots.svm")
    read, wanted = datasets.load_svmlight_file("plots.svm")
    with open("again.svm", "wb") as file:
        datasets.dump_svmlight_file(read, wanted, file)
    assert written(recorded) == {"plots.svm": (["plots.csv"], True), "again.svm": (["plots.svm"], True)}
    assert [span.name for span in recorded.io() if span.name.endswith(".svm")] == [
        *("write plots.svm", "read plots.svm", "write again.svm"),
    ]
