# SPDX-License-Identifier: Apache-2.0
"""Programs with estimators of their own are what they were: methods, signatures, pickles, processes."""

import gc
import inspect
import pickle
import sys
import weakref

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from launch import run
from model_plots import comes_from, record_models  # noqa: F401
from observed import Observed
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.metaestimators import available_if

from otelprov.capture.flow.methods import Method
from otelprov_instrumentors.sklearn import SklearnInstrumentor


class Own(ClassifierMixin, BaseEstimator):
    """An estimator that was there before anything was observed."""

    def __init__(self, least=0.5):
        self.least = least

    def fit(self, table, target, *, weight: float = 1.0):
        """Learn."""
        self.classes_ = np.unique(target)
        return self

    @available_if(lambda self: self.least > 0)
    def predict(self, table):
        return np.zeros(len(table))


def test_methods_are_functions_with_their_own_names_and_signatures(recorded):
    for function, plain in ((Own.fit, "(self, table, target, *, weight: float = 1.0)"), (KMeans.fit, None)):
        assert inspect.isfunction(function)
        assert function.__name__ == "fit"
        assert function.__doc__
        assert "self" in inspect.signature(function).parameters
        assert plain in (None, str(inspect.signature(function)))
    assert inspect.ismethod(Own().fit)
    assert str(inspect.signature(Own().fit)) == "(table, target, *, weight: float = 1.0)"
    assert str(inspect.signature(Own)) == "(least=0.5)"
    assert "Learn." in inspect.getsource(Own.fit)
    assert Own.fit is Own.fit
    assert "weight" in inspect.signature(Own.set_fit_request).parameters


def test_what_a_model_does_not_have_it_still_does_not_have(recorded):
    assert not hasattr(Own(least=0), "predict")
    assert hasattr(Own(), "predict")
    assert not hasattr(SVC(), "predict_proba")
    assert not hasattr(Pipeline([("scaler", StandardScaler())]), "predict")
    with pytest.raises(NotFittedError):
        LogisticRegression().predict([[1, 2]])
    with pytest.raises(TypeError, match=r"fit\(\) missing 2 required positional arguments: 'X' and 'y'"):
        LogisticRegression().fit()
    assert comes_from(LogisticRegression()) is None


def test_results_are_those_of_the_plain_library(recorded):
    table = pd.read_csv("plots.csv")
    model = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
    observed = model.fit(table[["area"]], table["large"]).predict(table[["area"]])
    SklearnInstrumentor().uninstrument()
    plain = model.fit(table[["area"]], table["large"]).predict(table[["area"]])
    assert observed.tolist() == plain.tolist()
    SklearnInstrumentor().instrument()


def test_a_model_that_holds_itself_is_walked_once(recorded):
    table = pd.read_csv("plots.csv")
    own = Own()
    own.all = [own]
    own.all.append(own.all)
    own.by_name = {"table": table}
    own.by_name["again"] = own.by_name
    assert comes_from(own.fit(table[["area"]], table["large"])) == (["plots.csv"], True)
    assert comes_from(own.predict(table)) == (["plots.csv"], True)


def test_a_class_that_calls_its_base_and_one_made_later_are_followed(recorded):
    class More(Own):
        def fit(self, table, target):
            return super().fit(table, target, weight=2.0)

    table = pd.read_csv("plots.csv")
    assert comes_from(More().fit(table[["area"]], table["large"])) == (["plots.csv"], True)
    own = Own().fit(table[["area"]], table["large"])
    assert comes_from(own) == (["plots.csv"], True)
    # By a method that is there only sometimes.
    assert comes_from(own.predict(pd.read_csv("noise.csv"))) == (["noise.csv", "plots.csv"], True)


def _classes():
    seen, left = set(), [BaseEstimator, TransformerMixin]
    while left:
        found = left.pop()
        # Classes of other tests that refuse to be looked at are no estimators.
        if found not in seen and type(found).__getattribute__ is type.__getattribute__:
            seen.add(found)
            left += [*type.__subclasses__(found), *(base for base in type.mro(found) if base is not object)]
    return seen


def test_switched_off_every_class_is_as_it_was(recorded):
    def patched():
        return {
            (owner.__name__, name)
            for owner in _classes()
            for name, value in vars(owner).items()
            if type(value) is Method or "methods" in getattr(getattr(value, "fn", None), "__module__", "")
        }

    while_on = {(owner.__name__, key): value for owner in _classes() for key, value in vars(owner).items()}
    assert ("LogisticRegression", "fit") in patched()
    assert ("LinearClassifierMixin", "predict") in patched()
    SklearnInstrumentor().uninstrument()
    assert patched() == set()
    assert vars(KMeans)["fit"] is inspect.getattr_static(KMeans, "fit")
    assert inspect.isfunction(vars(KMeans)["fit"])
    assert not hasattr(inspect.getattr_static(SVC, "predict_proba").fn, "__wrapped__")
    assert not hasattr(vars(Own)["predict"].fn, "__wrapped__")
    SklearnInstrumentor().instrument()
    assert {(owner.__name__, key) for owner in _classes() for key in vars(owner)} == set(while_on)


def test_a_class_pickled_by_value_takes_nothing_of_ours_along(recorded):
    source = """
from sklearn.base import BaseEstimator
class Sent(BaseEstimator):
    def fit(self, table, target=None):
        self.seen_ = len(table)
        return self
"""
    space = {"__name__": "__main__"}
    exec(source, space)
    sent = space["Sent"]
    assert type(vars(sent)["fit"]) is Method
    data = cloudpickle.dumps(sent().fit(pd.read_csv("plots.csv")))
    assert b"otelprov" not in data
    loaded = pickle.loads(data)
    assert loaded.fit([[1], [2]]).seen_ == 2


def test_classes_that_are_gone_are_not_kept(recorded):
    def make():
        class Gone(BaseEstimator):
            def fit(self, table, target=None):
                return self

        Gone().fit(pd.read_csv("plots.csv"))
        return weakref.ref(Gone)

    reference = make()
    gc.collect()
    assert reference() is None


def test_nothing_is_kept_of_models_that_are_gone(recorded):
    table = pd.read_csv("plots.csv")
    model = LogisticRegression().fit(table[["area"]], table["large"])
    reference = weakref.ref(model)
    assert comes_from(model)
    del model
    assert reference() is None


PROGRAM = """
import os
import joblib
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

class Centred(TransformerMixin, BaseEstimator):
    def fit(self, table, target=None):
        super().__init__()
        self.middle_ = table["area"].mean()
        return self
    def transform(self, table):
        return table[["area"]] - self.middle_

def fitted(model, name):
    return os.getpid(), model.fit(pd.read_csv(name))

if __name__ == "__main__":
    pairs = joblib.Parallel(n_jobs=2)(joblib.delayed(fitted)(Centred(), f"{name}.csv") for name in ("plots", "fields"))
    assert os.getpid() not in {process for process, _ in pairs}
    for _, model in pairs:
        assert type(model) is Centred
    first, second = (model for _, model in pairs)
    first.transform(pd.read_csv("noise.csv")).to_csv("centred.csv")
"""


def test_worker_processes_join_the_run_and_take_classes_of_the_program(tmp_path):
    program = Observed(tmp_path)
    for name in ("plots", "fields", "noise"):
        program.write(f"{name}.csv", "area,tons\n" + "".join(f"{number % 5},{number}\n" for number in range(20)))
    program.write("program.py", PROGRAM)
    program.script("program.py")
    spans = program.recorded.io()
    assert len({span.attributes["provenance.run.id"] for span in spans}) == 1
    by_workers = {span.name for span in spans if span.attributes["provenance.process.id"] != _main_process(program)}
    assert by_workers == {"read plots.csv", "read fields.csv"}
    # What a worker sends back is not followed: it may have come from anything that was read.
    assert program.edges("+centred.csv") == [
        ["fields.csv", "centred.csv", "derived", "order"],
        ["noise.csv", "centred.csv", "derived", "flow"],
        ["plots.csv", "centred.csv", "derived", "order"],
    ]


def _main_process(program):
    return program.recorded.spans("run")[0].attributes["provenance.process.id"]


PIPELINE = """
import json
import pickle
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

pd.read_csv("noise.csv").to_csv("noise_out.csv")
table = pd.read_csv("plots.csv").merge(pd.read_csv("fields.csv"), on="plot")
train, test, train_target, test_target = train_test_split(table[["area", "tons"]], table["large"], random_state=0)
scaler = StandardScaler()
model = LogisticRegression().fit(scaler.fit_transform(train), train_target)
predicted = model.predict(scaler.transform(test))
test.assign(predicted=predicted).to_csv("predicted.csv", index=False)
with open("report.json", "w") as file:
    json.dump({"f1": float(f1_score(test_target, predicted))}, file)
with open("model.pkl", "wb") as file:
    pickle.dump(model, file)
"""


def test_a_pipeline_is_followed_up_to_its_numbers_and_these_fall_back_to_the_order(tmp_path):
    numbers = range(40)
    (tmp_path / "plots.csv").write_text("plot,area\n" + "".join(f"{n},{n % 7}\n" for n in numbers))
    (tmp_path / "fields.csv").write_text("plot,tons,large\n" + "".join(f"{n},{n % 5},{n % 2}\n" for n in numbers))
    (tmp_path / "noise.csv").write_text("plot\n" + "".join(f"{n}\n" for n in numbers))
    (tmp_path / "observed").mkdir()
    program = Observed(tmp_path / "observed")
    for path in tmp_path.glob("*.csv"):
        program.write(path.name, path.read_text())
    program.write("pipeline.py", PIPELINE)
    program.script("pipeline.py")
    both = ("fields.csv", "plots.csv")
    for output in ("predicted.csv", "model.pkl"):
        assert program.edges(f"+{output}") == [[source, output, "derived", "flow"] for source in both]
    assert program.edges("+noise_out.csv") == [["noise.csv", "noise_out.csv", "derived", "flow"]]
    # A number is lost from sight, and the answer says so: all of what was read before may be in it.
    assert program.edges("+report.json") == [
        [source, "report.json", "derived", "order"] for source in ("fields.csv", "noise.csv", "plots.csv")
    ]


def test_scikit_learn_is_not_imported_for_a_program_without_it(tmp_path):
    ran = run(tmp_path, "import sys\nprint([name for name in sys.modules if name.startswith(('sklearn', 'joblib'))])\n")
    assert ran.process.stdout.strip() == "[]"
    assert "sklearn" in sys.modules
